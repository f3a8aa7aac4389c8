//! Parameters of the whole node, and the name of the cluster.

use std::sync::Arc;

use broker::parameter::ParameterValue;
use broker::record::{Definition, GlobalParameterDefinition};
use broker::{LogPosition, ParameterName};

use super::{Admin, AdminError, Put, TEXT_BYTES_MAX, check_name, no_such};

/// How many parameters there may be.
const PARAMETERS_MAX: usize = 1000;

impl Admin {
    /// The parameters of the node, by name, each with its value as JSON.
    pub fn global_parameters(&self) -> Vec<(ParameterName, ParameterValue)> {
        let parameters = self.node.parameters.read();
        parameters.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The value of a parameter of the node, as JSON.
    pub fn global_parameter(&self, name: &str) -> Option<ParameterValue> {
        self.node.parameters.read().find(name).cloned()
    }

    /// Sets a parameter of the node; the value is JSON, which is not looked into.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] if the name cannot be one, the value is too long, or there are too many.
    pub async fn put_global_parameter(&self, name: &str, value: &str) -> Result<Put, AdminError> {
        check_global_parameter(name, value)?;
        let (was_there, after) = {
            let mut parameters = self.node.parameters.write();
            if parameters.find(name).is_none() && parameters.count() >= PARAMETERS_MAX {
                let reason = format!("there are {PARAMETERS_MAX} parameters, and no more may be");
                return Err(AdminError::Invalid { reason });
            }
            let (name, value) = (ParameterName::from(name), ParameterValue::from(value));
            let of = GlobalParameterDefinition { name: name.clone(), value: value.clone() };
            let mut after = None;
            let was_there = parameters.put(name, value, |old| {
                let logged = self.node.shared.redefine(&Definition::GlobalParameter(of), old);
                after = logged.map(|logged| logged.at);
                logged
            });
            (was_there, after)
        };
        self.node.shared.flushed(after).await;
        self.tell("parameter.set", |headers| {
            headers.text("component", "global").text("name", name).text("value", value);
        });
        Ok(Put::of(was_there))
    }

    /// Takes a parameter of the node away.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn delete_global_parameter(&self, name: &str) -> Result<(), AdminError> {
        let after = {
            let mut parameters = self.node.parameters.write();
            let gone = parameters.remove(name).ok_or_else(|| no_such("parameter", name))?;
            self.node.shared.undefine([gone])
        };
        self.node.shared.flushed(after).await;
        self.tell("parameter.cleared", |headers| {
            headers.text("component", "global").text("name", name);
        });
        Ok(())
    }

    /// Names the cluster, for clients that come from now on; `None`: it has the name of the settings again.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] if the name is empty or too long.
    pub async fn set_cluster_name(&self, name: Option<&str>) -> Result<(), AdminError> {
        name.map_or(Ok(()), check_cluster_name)?;
        let after = self.log_cluster_name(name);
        self.node.shared.flushed(after).await;
        Ok(())
    }

    /// Whether the cluster was given a name, rather than has that of the settings.
    pub fn has_cluster_name(&self) -> bool {
        self.node.parameters.read().cluster_name().is_some()
    }

    fn log_cluster_name(&self, name: Option<&str>) -> Option<LogPosition> {
        let shared = &self.node.shared;
        let mut parameters = self.node.parameters.write();
        let Some(name) = name else {
            return shared.undefine(parameters.remove_cluster_name());
        };
        let name: Arc<str> = name.into();
        let mut after = None;
        parameters.set_cluster_name(Arc::clone(&name), |old| {
            let logged = shared.redefine(&Definition::ClusterName(name), old);
            after = logged.map(|logged| logged.at);
            logged
        });
        after
    }
}

/// Whether a parameter of the node could be set so, were there room for it.
///
/// # Errors
/// [`AdminError::Invalid`] for what is too long.
pub fn check_global_parameter(name: &str, value: &str) -> Result<(), AdminError> {
    check_name("parameter", name)?;
    if value.len() > TEXT_BYTES_MAX {
        let reason = format!("a parameter has no more than {TEXT_BYTES_MAX} octets");
        return Err(AdminError::Invalid { reason });
    }
    Ok(())
}

/// Whether the cluster could be called so.
///
/// # Errors
/// [`AdminError::Invalid`] if the name is empty or too long.
pub fn check_cluster_name(name: &str) -> Result<(), AdminError> {
    check_name("cluster", name)
}
