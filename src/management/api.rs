//! The table of the API: every path, what can be asked of it, the right that needs, and who answers.

mod about;
mod attempts;
mod bindings;
mod channels;
mod cluster_name;
mod connections;
mod consumers;
mod contents;
pub(crate) mod definitions;
mod exchanges;
mod explain;
mod global_parameters;
mod health;
mod limits;
mod login;
mod messages;
mod nodes;
mod openapi;
mod operator_policies;
mod overview;
mod parameters;
mod permissions;
mod policies;
mod queues;
mod reset;
mod serving;
mod settings;
mod topic_permissions;
mod trace_files;
mod traces;
mod unroutable;
mod users;
mod vhosts;
mod whoami;

use crate::answer::{Answer, FORM, JSON};
use crate::endpoint::{Verb, endpoints};
use crate::failure::Failure;
use crate::metrics;
use crate::request::Request;

endpoints! {
    Overview "/overview" { Get Management => overview::show }
    ClusterName "/cluster-name" {
        Get Management => cluster_name::show,
        Put Administrator -> cluster_name::put
    }
    Nodes "/nodes" { Get Monitoring => nodes::list }
    Node "/nodes/{node}" { Get Monitoring => nodes::show }
    NodeMemory "/nodes/{node}/memory" { Get Monitoring => nodes::memory }
    NodeMemoryRelative "/nodes/{node}/memory/relative" { Get Monitoring => nodes::memory_relative }
    NodeTables "/nodes/{node}/memory/ets" { Get Monitoring => nodes::tables }
    NodeTablesRelative "/nodes/{node}/memory/ets/relative" { Get Monitoring => nodes::tables }
    NodeTablesOf "/nodes/{node}/memory/ets/{filter}" { Get Monitoring => nodes::tables }
    NodeTablesOfRelative "/nodes/{node}/memory/ets/{filter}/relative" {
        Get Monitoring => nodes::tables
    }
    Reset "/reset" { Delete Administrator -> reset::reset }
    ResetNode "/reset/{node}" { Delete Administrator -> reset::reset_node }
    Serving "/serving" {
        Get Management => serving::show,
        Put Administrator -> serving::put
    }
    Shutdown "/shutdown" { Post Administrator => serving::shut_down }
    EffectiveConfig "/config/effective" { Get Administrator => settings::show }
    NodeLimits "/node-limits" { Get Monitoring => settings::list_limits }
    NodeLimit "/node-limits/{name}" { Put Administrator => settings::put_limit }
    Login "/login" {
        Post Nobody -> login::log_in,
        Delete Nobody -> login::log_out
    }
    Whoami "/whoami" { Get Management => whoami::show }
    OpenApi "/openapi.json" { Get Management => openapi::show }
    Extensions "/extensions" { Get Management => about::extensions }
    Version "/version" { Get Management => about::version }
    FeatureFlags "/feature-flags" { Get Administrator => about::feature_flags }
    FeatureFlag "/feature-flags/{name}/enable" { Put Administrator => about::enable_feature_flag }
    Auth "/auth" { Get Management => about::auth }
    AuthAttempts "/auth/attempts/{node}" {
        Get Monitoring => attempts::list,
        Delete Administrator -> attempts::reset
    }
    AuthAttemptsBySource "/auth/attempts/{node}/source" {
        Get Monitoring => attempts::list_by_source,
        Delete Administrator -> attempts::reset
    }
    HashPassword "/auth/hash_password/{password}" { Get Management => about::hash_password }
    DeprecatedFeatures "/deprecated-features" { Get Administrator => about::deprecated_features }
    DeprecatedFeaturesUsed "/deprecated-features/used" { Get Administrator => about::deprecated_features }

    Metrics "/metrics" { Get Monitoring => metrics::show }
    MetricsPerObject "/metrics/per-object" { Get Monitoring => metrics::show_per_object }
    MetricsDetailed "/metrics/detailed" { Get Monitoring => metrics::show_detailed }

    Connections "/connections" { Get Management => connections::list }
    Connection "/connections/{connection}" {
        Get Management => connections::show,
        Delete Management => connections::delete
    }
    ConnectionsOfUser "/connections/username/{user}" {
        Get Management => connections::list_of_user,
        Delete Management => connections::delete_of_user
    }
    ConnectionsOfVhost "/vhosts/{vhost}/connections" { Get Vhost => connections::list_of_vhost }
    ChannelsOfConnection "/connections/{connection}/channels" {
        Get Management => channels::list_of_connection
    }
    Channels "/channels" { Get Management => channels::list }
    Channel "/channels/{channel}" { Get Management => channels::show }
    ChannelsOfVhost "/vhosts/{vhost}/channels" { Get Vhost => channels::list_of_vhost }
    Consumers "/consumers" { Get Management => consumers::list }
    ConsumersOfVhost "/consumers/{vhost}" { Get Vhost => consumers::list_of_vhost }

    Exchanges "/exchanges" { Get Management => exchanges::list }
    ExchangesOfVhost "/exchanges/{vhost}" { Get Vhost => exchanges::list_of_vhost }
    Exchange "/exchanges/{vhost}/{exchange}" {
        Get Vhost => exchanges::show,
        Put Vhost -> exchanges::put,
        Delete Vhost -> exchanges::delete
    }
    Publish "/exchanges/{vhost}/{exchange}/publish" { Post Vhost -> messages::publish }
    Explain "/exchanges/{vhost}/{exchange}/explain" {
        Get Vhost => explain::by_key,
        Post Vhost => explain::by_message
    }
    Unroutable "/exchanges/{vhost}/{exchange}/unroutable" {
        Get Vhost => unroutable::show,
        Put Vhost => unroutable::put,
        Delete Vhost => unroutable::delete
    }
    BindingsFromExchange "/exchanges/{vhost}/{exchange}/bindings/source" {
        Get Vhost => bindings::list_from_exchange
    }
    BindingsToExchange "/exchanges/{vhost}/{exchange}/bindings/destination" {
        Get Vhost => bindings::list_to_exchange
    }
    Rebalance "/rebalance/queues" { Post Administrator => queues::rebalance }
    Queues "/queues" { Get Management => queues::list }
    QueuesDetailed "/queues/detailed" { Get Management => queues::list }
    QueuesOfVhost "/queues/{vhost}" { Get Vhost => queues::list_of_vhost }
    Queue "/queues/{vhost}/{queue}" {
        Get Vhost => queues::show,
        Put Vhost -> queues::put,
        Delete Vhost -> queues::delete
    }
    QueueContents "/queues/{vhost}/{queue}/contents" { Delete Vhost -> queues::purge }
    QueueGet "/queues/{vhost}/{queue}/get" { Post Vhost -> messages::get }
    QueueActions "/queues/{vhost}/{queue}/actions" { Post Administrator -> queues::act }
    Messages "/queues/{vhost}/{queue}/messages" { Get Vhost -> contents::list }
    MessagesDelete "/queues/{vhost}/{queue}/messages/delete" { Post Vhost -> contents::delete }
    MessagesMove "/queues/{vhost}/{queue}/messages/move" { Post Vhost -> contents::relocate }
    MessagesRedrive "/queues/{vhost}/{queue}/messages/redrive" { Post Vhost -> contents::redrive }
    BindingsOfQueue "/queues/{vhost}/{queue}/bindings" { Get Vhost => bindings::list_of_queue }
    Bindings "/bindings" { Get Management => bindings::list }
    BindingsOfVhost "/bindings/{vhost}" { Get Vhost => bindings::list_of_vhost }
    BindingsBetween "/bindings/{vhost}/e/{exchange}/{kind}/{destination}" {
        Get Vhost => bindings::list_between,
        Post Vhost -> bindings::post
    }
    Binding "/bindings/{vhost}/e/{exchange}/{kind}/{destination}/{props}" {
        Get Vhost => bindings::show,
        Delete Vhost -> bindings::delete
    }

    Vhosts "/vhosts" { Get Management => vhosts::list }
    Vhost "/vhosts/{vhost}" {
        Get Administrator => vhosts::show,
        Put Administrator -> vhosts::put,
        Delete Administrator -> vhosts::delete
    }
    VhostProtection "/vhosts/{vhost}/deletion/protection" {
        Post Administrator -> vhosts::protect,
        Delete Administrator -> vhosts::unprotect
    }
    VhostPermissions "/vhosts/{vhost}/permissions" { Get Administrator => permissions::list_of_vhost }
    VhostTopicPermissions "/vhosts/{vhost}/topic-permissions" {
        Get Administrator => topic_permissions::list_of_vhost
    }
    StartVhost "/vhosts/{vhost}/start/{node}" { Post Administrator -> vhosts::start }
    Users "/users" { Get Administrator => users::list }
    UsersWithoutPermissions "/users/without-permissions" {
        Get Administrator => users::list_without_permissions
    }
    UsersBulkDelete "/users/bulk-delete" { Post Administrator -> users::delete_many }
    User "/users/{user}" {
        Get Administrator => users::show,
        Put Administrator -> users::put,
        Delete Administrator -> users::delete
    }
    UserPermissions "/users/{user}/permissions" { Get Administrator => permissions::list_of_user }
    UserTopicPermissions "/users/{user}/topic-permissions" {
        Get Administrator => topic_permissions::list_of_user
    }
    UserQueues "/users/{user}/queues" { Get Administrator => queues::list_of_user }
    Permissions "/permissions" { Get Administrator => permissions::list }
    Permission "/permissions/{vhost}/{user}" {
        Get Administrator => permissions::show,
        Put Administrator -> permissions::put,
        Delete Administrator -> permissions::delete
    }
    TopicPermissions "/topic-permissions" { Get Administrator => topic_permissions::list }
    TopicPermission "/topic-permissions/{vhost}/{user}" {
        Get Administrator => topic_permissions::show,
        Put Administrator -> topic_permissions::put,
        Delete Administrator -> topic_permissions::delete
    }
    TopicPermissionOfExchange "/topic-permissions/{vhost}/{user}/{exchange}" {
        Delete Administrator -> topic_permissions::delete_of_exchange
    }
    VhostLimits "/vhost-limits" { Get Management => limits::list_of_vhosts }
    VhostLimitsOfVhost "/vhost-limits/{vhost}" { Get Vhost => limits::list_of_vhost }
    VhostLimit "/vhost-limits/{vhost}/{name}" {
        Put Administrator -> limits::put_of_vhost,
        Delete Administrator -> limits::delete_of_vhost
    }
    UserLimits "/user-limits" { Get Monitoring => limits::list_of_users }
    UserLimitsOfUser "/user-limits/{user}" { Get Monitoring => limits::list_of_user }
    UserLimit "/user-limits/{user}/{name}" {
        Put Administrator -> limits::put_of_user,
        Delete Administrator -> limits::delete_of_user
    }
    Policies "/policies" { Get Management => policies::list }
    PoliciesOfVhost "/policies/{vhost}" { Get VhostVisible => policies::list_of_vhost }
    Policy "/policies/{vhost}/{policy}" {
        Get VhostPolicymaker => policies::show,
        Put VhostPolicymaker -> policies::put,
        Delete VhostPolicymaker -> policies::delete
    }
    OperatorPolicies "/operator-policies" { Get Management => operator_policies::list }
    OperatorPoliciesOfVhost "/operator-policies/{vhost}" {
        Get VhostVisible => operator_policies::list_of_vhost
    }
    OperatorPolicy "/operator-policies/{vhost}/{policy}" {
        Get Administrator => operator_policies::show,
        Put Administrator -> operator_policies::put,
        Delete Administrator -> operator_policies::delete
    }
    Parameters "/parameters" { Get Policymaker => parameters::list }
    ParametersOfComponent "/parameters/{component}" {
        Get Policymaker => parameters::list_of_component
    }
    ParametersOfVhost "/parameters/{component}/{vhost}" {
        Get VhostPolicymaker => parameters::list_of_vhost
    }
    Parameter "/parameters/{component}/{vhost}/{name}" {
        Get VhostPolicymaker => parameters::show,
        Put Administrator -> parameters::put,
        Delete Administrator -> parameters::delete
    }
    GlobalParameters "/global-parameters" { Get Policymaker => global_parameters::list }
    GlobalParameter "/global-parameters/{name}" {
        Get Policymaker => global_parameters::show,
        Put Policymaker -> global_parameters::put,
        Delete Policymaker -> global_parameters::delete
    }
    Definitions "/definitions" {
        Get Administrator => definitions::export,
        Post Administrator -> definitions::import
    }
    AllConfiguration "/all-configuration" {
        Get Administrator => definitions::export,
        Post Administrator -> definitions::import
    }
    DefinitionsOfVhost "/definitions/{vhost}" {
        Get Administrator => definitions::export_vhost,
        Post Administrator -> definitions::import_vhost
    }
    Traces "/traces" { Get Administrator => traces::list }
    TracesOfVhost "/traces/{vhost}" { Get Administrator => traces::list_of_vhost }
    Trace "/traces/{vhost}/{name}" {
        Get Administrator => traces::show,
        Put Administrator -> traces::put,
        Delete Administrator -> traces::delete
    }
    TracesOfNode "/traces/node/{node}" { Get Administrator => traces::list_of_node }
    TracesOfVhostOfNode "/traces/node/{node}/{vhost}" {
        Get Administrator => traces::list_of_vhost_of_node
    }
    TraceOfNode "/traces/node/{node}/{vhost}/{name}" {
        Get Administrator => traces::show_of_node,
        Put Administrator -> traces::put_of_node,
        Delete Administrator -> traces::delete_of_node
    }
    TraceFiles "/trace-files" { Get Administrator -> trace_files::list }
    TraceFile "/trace-files/{name}" {
        Get Administrator -> trace_files::show,
        Delete Administrator -> trace_files::delete
    }
    TraceFilesOfNode "/trace-files/node/{node}" { Get Administrator -> trace_files::list_of_node }
    TraceFileOfNode "/trace-files/node/{node}/{name}" {
        Get Administrator -> trace_files::show_of_node,
        Delete Administrator -> trace_files::delete_of_node
    }

    Aliveness "/aliveness-test/{vhost}" { Get Vhost => health::aliveness }

    Alarms "/health/checks/alarms" { Get Management => health::alarms }
    LocalAlarms "/health/checks/local-alarms" { Get Management => health::alarms }
    PortListener "/health/checks/port-listener/{port}" { Get Management => health::port_listener }
    ProtocolListener "/health/checks/protocol-listener/{protocol}" {
        Get Management => health::protocol_listener
    }
    CertificateExpiration "/health/checks/certificate-expiration/{within}/{unit}" {
        Get Management => health::certificate_expiration
    }
    BelowConnectionLimit "/health/checks/below-node-connection-limit" {
        Get Management => health::below_connection_limit
    }
    ReachedClusterSize "/health/checks/reached-target-cluster-size" { Get Management => health::always }
    VirtualHosts "/health/checks/virtual-hosts" { Get Management => health::always }
    QuorumCritical "/health/checks/node-is-quorum-critical" { Get Management => health::quorum_critical }
    InService "/health/checks/is-in-service" { Get Management => health::is_serving }
    ReadyToServeClients "/health/checks/ready-to-serve-clients" {
        Get Management => health::is_serving
    }
    MetadataStore "/health/checks/metadata-store/initialized" { Get Management => health::always }
    MetadataStoreWithData "/health/checks/metadata-store/initialized/with-data" {
        Get Management => health::always
    }
    LeaderlessQueues "/health/checks/quorum-queues-without-elected-leaders/all-vhosts" {
        Get Management => health::always
    }
    LeaderlessQueuesOfVhost "/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}" {
        Get Vhost => health::always
    }
    HealthOfNode "/healthchecks/node" { Get Management => health::alarms }
}

/// Answers a request whose sender has the right to ask.
///
/// # Errors
/// What the sender is told instead.
pub(crate) async fn answer(
    endpoint: Endpoint,
    verb: Verb,
    request: &Request,
) -> Result<Answer, Failure> {
    endpoint.answer(verb, request).await
}

impl Endpoint {
    /// Whether it is where Prometheus looks for it, beside `/api` rather than below.
    pub(crate) const fn is_of_metrics(self) -> bool {
        matches!(self, Self::Metrics | Self::MetricsPerObject | Self::MetricsDetailed)
    }

    /// Its path from the root of the server.
    pub(crate) fn full_path(self) -> String {
        let prefix = if self.is_of_metrics() { "" } else { "/api" };
        format!("{prefix}{}", self.path())
    }

    /// The type that a body of it has.
    pub(crate) const fn body_type(self) -> &'static str {
        if matches!(self, Self::Login) { FORM } else { JSON }
    }

    /// Whether it answers with a text instead of JSON.
    pub(crate) const fn is_text(self) -> bool {
        self.is_of_metrics() || matches!(self, Self::TraceFile | Self::TraceFileOfNode)
    }

    /// Whether its body may be long, and takes long to be worked through.
    pub(crate) const fn is_of_definitions(self) -> bool {
        matches!(self, Self::Definitions | Self::AllConfiguration | Self::DefinitionsOfVhost)
    }
}
