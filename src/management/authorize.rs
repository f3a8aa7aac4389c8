//! Whether somebody may ask for something: the one place where that is decided.
//!
//! The right comes from the table of paths, the vhost from the path. Who is not allowed is told what is missing, in
//! RabbitMQ's words; whether the thing exists is not looked at before.

use server::admin::Admin;

use crate::caller::Caller;
use crate::endpoint::{Right, Verb};
use crate::failure::Failure;

/// Decides.
///
/// # Errors
/// 401 with what is missing, 404 if the vhost is.
pub(crate) fn authorize(
    caller: &Caller,
    (verb, right): (Verb, Right),
    vhost: Option<&str>,
    admin: &Admin,
) -> Result<(), Failure> {
    let access = vhost.map_or(Access::None, |vhost| Access::of(caller, vhost, admin));
    match decide(&Tags::of(caller), right, access) {
        Decision::Allowed => Ok(()),
        Decision::Missing(missing) => Err(Failure::not_authorised(missing)),
        Decision::NoVhost if verb == Verb::Get => Err(Failure::not_found()),
        Decision::NoVhost => Err(Failure::missing("vhost_not_found")),
    }
}

/// What a caller may do in the vhost of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Nothing.
    None,
    /// Whatever their permissions say.
    Permitted,
    /// There is no such vhost.
    NoVhost,
}

impl Access {
    fn of(caller: &Caller, vhost: &str, admin: &Admin) -> Self {
        if caller.authority(admin, vhost).is_some() {
            Self::Permitted
        } else if admin.vhost(vhost).is_none() {
            Self::NoVhost
        } else {
            Self::None
        }
    }
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Allowed,
    Missing(&'static str),
    NoVhost,
}

/// What a caller's tags amount to.
#[derive(Clone, Copy, Debug)]
struct Tags {
    is_management: bool,
    is_policymaker: bool,
    is_monitoring: bool,
    is_administrator: bool,
}

impl Tags {
    fn of(caller: &Caller) -> Self {
        Self {
            is_management: caller.is_management(),
            is_policymaker: caller.is_policymaker(),
            is_monitoring: caller.is_monitoring(),
            is_administrator: caller.is_administrator(),
        }
    }
}

const NOT_MANAGEMENT: &str = "Not management user";
const NO_ACCESS: &str = "User not authorised to access virtual host";
const NO_OBJECT: &str = "User not authorised to access object";
const NOT_MONITORING: &str = "Not monitor user";
const NOT_ADMINISTRATOR: &str = "Not administrator user";

fn decide(tags: &Tags, right: Right, access: Access) -> Decision {
    let if_tagged = |is_tagged, missing| match is_tagged {
        true => Decision::Allowed,
        false => Decision::Missing(missing),
    };
    let in_vhost = match access {
        Access::Permitted => Decision::Allowed,
        Access::None => Decision::Missing(NO_ACCESS),
        Access::NoVhost => Decision::NoVhost,
    };
    let in_any_vhost = match access {
        Access::None if tags.is_administrator => Decision::Allowed,
        Access::None | Access::Permitted | Access::NoVhost => in_vhost,
    };
    if right == Right::Nobody {
        return Decision::Allowed;
    }
    if !tags.is_management {
        return Decision::Missing(NOT_MANAGEMENT);
    }
    match right {
        Right::Nobody | Right::Management => Decision::Allowed,
        Right::Vhost => in_vhost,
        Right::VhostVisible => in_any_vhost,
        Right::Policymaker => if_tagged(tags.is_policymaker, NO_OBJECT),
        Right::VhostPolicymaker => match in_any_vhost {
            Decision::Allowed | Decision::NoVhost if tags.is_policymaker => in_any_vhost,
            Decision::Allowed | Decision::NoVhost | Decision::Missing(_) => {
                Decision::Missing(NO_OBJECT)
            }
        },
        Right::Monitoring => if_tagged(tags.is_monitoring, NOT_MONITORING),
        Right::Administrator => if_tagged(tags.is_administrator, NOT_ADMINISTRATOR),
    }
}

#[cfg(test)]
mod tests;
