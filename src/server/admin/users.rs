//! Users, and who logs in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use broker::record::Definition;
use broker::user::{Password, PasswordHash, User, UserTags, can_be_user_name};
use tracing::{info, warn};

use super::{Admin, AdminError, Put, check_name, check_texts, no_such};
use crate::attempts::LoginProtocol;
use crate::events::Headers;
use crate::node::Node;
use crate::rights::Rights;

/// What a user logs in with from now on.
#[derive(Clone, Debug)]
pub enum NewPassword {
    /// This.
    Text(Password),
    /// What this is the hash of.
    Hash(PasswordHash),
    /// Nothing: they cannot log in with a password.
    None,
    /// What they logged in with before; nothing, if they are new.
    Unchanged,
}

impl Admin {
    /// Whether this is the password of this user, who comes from `peer`; then it is who they are. The log says why not,
    /// if not.
    ///
    /// That takes a while, and many at once wait for each other; so does who comes from where too many were refused.
    pub async fn log_in(&self, user: &str, password: &[u8], peer: IpAddr) -> Option<Arc<User>> {
        let Node { guesses, attempts, shared, .. } = &*self.node;
        // Once: others from there must not hold this one up for ever.
        if let Some(ms) = guesses.wait_ms(peer, shared.clock.now()) {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        let checked = self.check_login(user, password, peer).await;
        attempts.count(LoginProtocol::Http, peer, user, checked.is_ok());
        match checked {
            Ok(user) => {
                guesses.accepted(peer);
                Some(user)
            }
            Err(reason) => {
                guesses.refused(peer, shared.clock.now());
                warn!(%peer, user, "login refused: {reason}");
                None
            }
        }
    }

    async fn check_login(
        &self,
        name: &str,
        password: &[u8],
        peer: IpAddr,
    ) -> Result<Arc<User>, &'static str> {
        let known = self.user(name);
        let hash = known.as_ref().and_then(|user| user.password.as_ref());
        let is_right = match hash.is_some_and(|hash| hash.is_quickly(password)) {
            true => true,
            false => {
                let asked = self.node.logins.check(known.as_ref(), password, peer, None);
                asked.ok_or("too many logins wait")?.await.unwrap_or(false)
            }
        };
        let user = known.ok_or("there is no such user")?;
        if !is_right {
            return Err("the password is wrong");
        }
        // They may have become another meanwhile.
        let current = self.user(name).filter(|current| current.password == user.password);
        let current = current.ok_or("the user was just changed")?;
        if !self.node.may_come_from(&current, peer) {
            return Err("this user may log in from this machine only");
        }
        Ok(current)
    }

    /// All users, by name.
    pub fn users(&self) -> Vec<Arc<User>> {
        self.node.rights.read().users().cloned().collect()
    }

    /// A user.
    pub fn user(&self, name: &str) -> Option<Arc<User>> {
        self.node.rights.read().user(name).cloned()
    }

    /// Adds a user, or changes one. Whose password becomes another loses the connections that were opened with the old
    /// one.
    ///
    /// A new user named `guest` may log in from this machine only, as in RabbitMQ.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] if the name cannot be one, there are too many tags, or nobody could administrate any more.
    pub async fn put_user(
        &self,
        name: &str,
        password: NewPassword,
        tags: UserTags,
    ) -> Result<Put, AdminError> {
        self.check_user(name, &tags)?;
        let known = self.user(name);
        let hash = self.hash(password, known.as_ref()).await;
        let mut told: Option<(User, bool)> = None;
        let put = |rights: &mut Rights| {
            let known = rights.user(name);
            let before = known.map(|known| known.password.clone());
            let user = User {
                name: name.into(),
                tags,
                loopback_only: known.map_or(name == "guest", |known| known.loopback_only),
                password: match hash {
                    Hashed::To(hash) => hash,
                    Hashed::AsBefore => known.and_then(|known| known.password.clone()),
                },
            };
            if !user.can_administrate() && !self.has_another_way_in {
                check_last_administrator(rights, name)?;
            }
            let is_other = before.is_some_and(|before| before != user.password);
            told = Some((user.clone(), is_other));
            let mut logged = None;
            let was_there = rights.put_user(Arc::new(user.clone()), |old| {
                logged = self.node.shared.redefine(&Definition::User(user), old);
                logged
            });
            Ok((was_there, logged.map(|logged| logged.at)))
        };
        let was_there = self.change(Some(name), put).await?;
        if let Some((user, has_other_password)) = told {
            self.tell_user(&user, was_there, has_other_password);
        }
        info!(user = name, "{}", if was_there { "user changed" } else { "user added" });
        Ok(Put::of(was_there))
    }

    /// Tells that a user was added, or what was changed of one.
    fn tell_user(&self, user: &User, was_there: bool, has_other_password: bool) {
        let name = |headers: &mut Headers| {
            headers.text("name", &user.name);
        };
        if !was_there {
            self.tell("user.created", name);
        } else if has_other_password {
            let is_cleared = user.password.is_none();
            let key = if is_cleared { "user.password.cleared" } else { "user.password.changed" };
            self.tell(key, name);
        }
        self.tell("user.tags.set", |headers| {
            headers.text("name", &user.name).texts("tags", user.tags.iter());
        });
    }

    /// Whether a user could be put so, besides what that does to who can administrate.
    ///
    /// # Errors
    /// As of [`put_user`](Self::put_user).
    pub fn check_user(&self, name: &str, tags: &UserTags) -> Result<(), AdminError> {
        // Who has been there for longer than this rule can still be changed.
        if self.user(name).is_none() {
            check_user_name(name)?;
        }
        check_texts(tags.iter())
    }

    /// What is kept of a new password. One that was the user's before keeps its hash, so that who says it again
    /// changes nothing.
    async fn hash(&self, password: NewPassword, known: Option<&Arc<User>>) -> Hashed {
        let text = match password {
            NewPassword::Text(text) if !text.is_empty() => text,
            NewPassword::Text(_) | NewPassword::None => return Hashed::To(None),
            NewPassword::Hash(hash) => return Hashed::To(Some(hash)),
            NewPassword::Unchanged => return Hashed::AsBefore,
        };
        let logins = &self.node.logins;
        if let Some(known) = known
            && let Some(hash) = &known.password
        {
            let asked = logins.check(Some(known), text.as_bytes(), HERE, None);
            if let Some(answer) = asked
                && answer.await.unwrap_or(false)
            {
                return Hashed::To(Some(hash.clone()));
            }
        }
        Hashed::To(Some(logins.hash(text).await))
    }

    /// Deletes a user with everything that was said of them, and closes their connections.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; [`AdminError::Invalid`] if nobody could administrate any more.
    pub async fn delete_user(&self, name: &str) -> Result<(), AdminError> {
        let delete = |rights: &mut Rights| {
            if !self.has_another_way_in {
                check_last_administrator(rights, name)?;
            }
            let gone = rights.remove_user(name).ok_or_else(|| no_such("user", name))?;
            Ok(((), self.node.shared.undefine(gone)))
        };
        self.change(Some(name), delete).await?;
        self.tell("user.deleted", |headers| {
            headers.text("name", name);
        });
        info!(user = name, "user deleted");
        Ok(())
    }
}

/// Checks the name of a new user.
fn check_user_name(name: &str) -> Result<(), AdminError> {
    check_name("user", name)?;
    if can_be_user_name(name) {
        return Ok(());
    }
    let reason = "the name of a user has no colon and no control characters".to_owned();
    Err(AdminError::Invalid { reason })
}

/// Checks that somebody else can administrate if this user can: or the broker could not be operated any more.
fn check_last_administrator(rights: &Rights, name: &str) -> Result<(), AdminError> {
    let mut administrators = rights.users().filter(|user| user.can_administrate()).peekable();
    let is_last = administrators.peek().is_some() && administrators.all(|user| user.name == *name);
    if !is_last {
        return Ok(());
    }
    let reason =
        format!("'{name}' is the last administrator with a password: make another one before that");
    Err(AdminError::Invalid { reason })
}

/// Whose turn an operator's request is in.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What is kept of a password.
enum Hashed {
    To(Option<PasswordHash>),
    AsBefore,
}

impl Node {
    /// Whether a user may log in from an address.
    pub(crate) fn may_come_from(&self, user: &User, peer: IpAddr) -> bool {
        self.shared.options.guest_from_anywhere || user.may_come_from(peer)
    }
}
