//! Who a client is, which vhost it opens, and what becomes of it when its rights change while it is there.

use std::sync::Arc;

use amqp::RawTable;
use broker::permission::Authority;
use broker::user::User;
use broker::{Action, ConsumerTag, Permission, Refusal, ResourceKind, TopicPermissions};
use connection::{ChannelNumber, Login, LoginError, Password, Proof};
use tracing::{info, warn};

use super::{Client, text_of};
use crate::attempts::LoginProtocol;
use crate::connection_facts::Introduction;
use crate::logins::Answer;
use crate::totals::count;

/// Why a user who logs in from afar is refused.
const FROM_HERE_ONLY: &str = "this user may log in from this machine only";

/// A login that is being checked.
#[derive(Debug)]
pub(super) struct PendingLogin {
    /// Against whom it is checked, as they were then.
    user: Option<Arc<User>>,
    answer: Answer,
}

/// What becomes of a client whose rights were looked at again.
#[derive(Debug)]
pub(crate) enum Followed {
    /// It is to be closed, with this explanation.
    Ends { explanation: String },
    /// It goes on without the consumers that it may not have any more.
    GoesOn { cancelled: Vec<(ChannelNumber, ConsumerTag)> },
}

/// Why a login is refused, in RabbitMQ's words: they do not say whether there is such a user.
fn public_reason(user: &str, reason: &str) -> String {
    match reason {
        FROM_HERE_ONLY => format!("user '{user}' can only connect via localhost"),
        _ => format!("user '{user}' - invalid credentials"),
    }
}

impl Client {
    /// Whether a login is right: at once, or after it was asked for again.
    pub(super) fn log_in(&mut self, login: &Login<'_>) -> Result<(), LoginError> {
        // Set before the user is looked up: whoever changes them from here on tells this connection.
        self.entry.user.get_or_init(|| login.user.into());
        let peer = self.entry.peer.ip();
        let is_guess = matches!(login.proof, Proof::Password(_));
        if is_guess
            && self.pending_login.is_none()
            && self.node.guesses.wait_ms(peer, self.now).is_some()
        {
            return Err(LoginError::Wait);
        }
        let checked = self.check_password(login)?;
        let properties = login.client_properties;
        let product = text_of(properties, "product").unwrap_or_default();
        self.live_prefetch = self.shared.options.live_prefetch.applies_to(&product);
        let verdict = match checked {
            Ok(user) if !self.node.may_come_from(&user, peer) => Err(FROM_HERE_ONLY),
            checked => checked,
        };
        self.node.attempts.count(LoginProtocol::Amqp, peer, login.user, verdict.is_ok());
        let error = verdict.as_ref().err().map(|reason| public_reason(login.user, reason));
        self.shared.tell_login(&self.entry, (login.user, login.mechanism), error.as_deref());
        match verdict {
            Ok(user) => {
                if is_guess {
                    self.node.guesses.accepted(peer);
                }
                self.effects.by = Some(user.name.clone());
                self.entry.facts.introduction.get_or_init(|| Introduction {
                    user: user.name.clone(),
                    mechanism: login.mechanism,
                    client_properties: self.node.introduced.share(properties.as_bytes()),
                });
                self.user = Some(user);
                Ok(())
            }
            Err(reason) => {
                if is_guess {
                    self.node.guesses.refused(peer, self.now);
                }
                warn!(
                    peer = %self.entry.peer, connection = %self.id, user = login.user,
                    mechanism = login.mechanism, "login refused: {reason}"
                );
                self.close_reason = Some(format!("login refused: {reason}").into());
                Err(LoginError::Refused)
            }
        }
    }

    /// Whose password this is, or why it is nobody's.
    fn check_password(
        &mut self,
        login: &Login<'_>,
    ) -> Result<Result<Arc<User>, &'static str>, LoginError> {
        let known = self.node.rights.read().user(login.user).cloned();
        let is_same = |checked: &Option<Arc<User>>| match (checked, &known) {
            (Some(checked), Some(known)) => Arc::ptr_eq(checked, known),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        // Who has become another meanwhile is checked again.
        let pending = self.pending_login.take().filter(|pending| is_same(&pending.user));
        let mut pending = match pending {
            Some(pending) => pending,
            None => {
                let Proof::Password(Password(given)) = login.proof else {
                    return Ok(known.ok_or("there is no such user"));
                };
                let hash = known.as_ref().and_then(|user| user.password.as_ref());
                if let Some(user) =
                    known.as_ref().filter(|_| hash.is_some_and(|h| h.is_quickly(given)))
                {
                    return Ok(Ok(Arc::clone(user)));
                }
                let peer = self.entry.peer.ip();
                let asked = self.node.logins.check(known.as_ref(), given, peer, Some(&self.entry));
                let answer = asked.ok_or(LoginError::Wait)?;
                PendingLogin { user: known.clone(), answer }
            }
        };
        match (pending.answer.try_recv(), known) {
            (Ok(true), Some(user)) => Ok(Ok(user)),
            (Ok(_), None) => Ok(Err("there is no such user")),
            (Ok(false), Some(_)) => Ok(Err("the password is wrong")),
            (Err(_), _) => {
                self.pending_login = Some(pending);
                Err(LoginError::Wait)
            }
        }
    }

    /// Enters a vhost.
    pub(super) fn open_vhost(&mut self, vhost: &str) -> Result<(), Refusal> {
        let Some(found) = self.node.vhost(vhost) else {
            return Err(Refusal::NoSuchVhost { vhost: vhost.to_owned() });
        };
        let user = &self.user.as_ref().expect("a session opens a vhost after it logged in").name;
        let (opened, of_vhost, of_user) = {
            let rights = self.node.rights.read();
            let opened = rights.open(user, &found.name);
            (opened, rights.vhost_limits_of(vhost), rights.user_limits_of(user))
        };
        // RabbitMQ looks at limits first.
        self.seat = Some(self.node.seats.take((&found.name, &of_vhost), (user, &of_user))?);
        self.authority = Some(opened?);
        self.entry.facts.vhost.get_or_init(|| found.name.clone());
        count(&self.shared.totals.churn.connections_created);
        self.vhost = Some(found);
        self.shared.tell_connection_created(&self.entry);
        let introduction = self.entry.facts.introduction.get();
        let name = introduction.and_then(|known| {
            text_of(RawTable::from_bytes(&known.client_properties).ok()?, "connection_name")
        });
        info!(
            peer = %self.entry.peer, connection = %self.id, user = self.user(), vhost,
            name = name.as_deref().unwrap_or(""),
            tls = self.entry.tls.as_ref().map(|tls| tls.version), "connection opened"
        );
        Ok(())
    }

    /// Whether the user may open one more channel, which counts from now on.
    pub(super) fn take_channel(&mut self) -> Result<(), Refusal> {
        let of_user = self.node.rights.read().user_limits_of(self.user());
        self.seat.as_mut().map_or(Ok(()), |seat| seat.add_channel(&of_user))
    }

    /// Looks at what the user is and may do by now.
    pub(crate) fn follow_rights(&mut self) -> Followed {
        self.entry.begin_following_rights();
        let nothing = Followed::GoesOn { cancelled: Vec::new() };
        let Some(user) = self.user.clone() else { return nothing };
        let rights = self.node.rights.read();
        let Some(known) = rights.user(&user.name) else {
            return Followed::Ends { explanation: format!("user '{}' is deleted", user.name) };
        };
        let introduction = self.entry.facts.introduction.get();
        let is_certified = introduction.is_some_and(|known| known.mechanism == "EXTERNAL");
        if !is_certified && known.password != user.password {
            let explanation = format!("the password of user '{}' was changed", user.name);
            return Followed::Ends { explanation };
        }
        self.user = Some(Arc::clone(known));
        let Some(vhost) = &self.vhost else { return nothing };
        if vhost.is_deleted() {
            return Followed::Ends { explanation: format!("vhost '{}' is down", vhost.name) };
        }
        self.authority = rights.authority(&user.name, &vhost.name).or_else(|| {
            Some(Authority {
                user: user.name.clone(),
                vhost: vhost.name.clone(),
                permission: Arc::new(Permission::none()),
                topics: TopicPermissions::default(),
            })
        });
        drop(rights);
        self.routes.permitted = None;
        Followed::GoesOn { cancelled: self.cancel_forbidden() }
    }

    /// Cancels the consumers of queues that the user may not read any more. What they have not acked stays with them.
    fn cancel_forbidden(&mut self) -> Vec<(ChannelNumber, ConsumerTag)> {
        let Some(authority) = &self.authority else { return Vec::new() };
        let is_forbidden =
            |queue: &str| !authority.permission.allows(Action::Read, ResourceKind::Queue, queue);
        let mut forbidden: Vec<(ChannelNumber, ConsumerTag)> = Vec::new();
        for (&number, channel) in &self.channels {
            let consumers = channel.consumers.iter();
            let concerned = consumers.filter(|(_, consumer)| is_forbidden(&consumer.queue.name));
            forbidden.extend(concerned.map(|(tag, _)| (number, tag.clone())));
        }
        for (channel, tag) in &forbidden {
            warn!(
                connection = %self.id, user = self.user(), channel = channel.0, consumer_tag = %tag,
                "a consumer is cancelled, as its user may not read its queue any more"
            );
            self.remove_consumer(*channel, tag);
        }
        self.finish();
        forbidden
    }
}
