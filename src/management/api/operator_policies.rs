//! `/api/operator-policies`: bounds for what the policies of users may set.

use broker::policy::PolicyKind;

use crate::answer::Answer;
use crate::api::policies;
use crate::failure::Failure;
use crate::request::Request;

/// Those of all vhosts that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    policies::list_of(PolicyKind::Operator, request)
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    policies::list_of_vhost_of(PolicyKind::Operator, request)
}

/// One of them.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    policies::show_of(PolicyKind::Operator, request)
}

/// Sets one.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    policies::put_of(PolicyKind::Operator, request).await
}

/// Takes one away.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    policies::delete_of(PolicyKind::Operator, request).await
}
