//! Who asks: name and password of a request, and what the user's tags allow.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker::User;
use broker::permission::{Authority, Permission};
use broker::user::UserTags;
use parking_lot::Mutex;
use server::admin::Admin;
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::admin_token::AdminToken;
use crate::failure::Failure;

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: Arc<User>,
    /// It is nobody of the users but who can read the data folder, and may do everything in every vhost.
    pub(crate) has_token: bool,
}

/// What who brings the token is called in the log.
const TOKEN_NAME: &str = "admin.token";

/// Who asked last on a connection: a password costs time to check, and most connections bring the same again and again.
///
/// It is known by a digest of the header only. A user who has changed since, in any way, is checked anew.
#[derive(Debug, Default)]
pub(crate) struct LastLogin(Mutex<Option<([u8; 32], Arc<User>)>>);

impl Caller {
    /// Who brings a token instead of a name and a password; `None` if that is not tried.
    pub(crate) fn with_token(
        headers: &HeaderMap,
        token: Option<&AdminToken>,
        peer: IpAddr,
    ) -> Option<Result<Self, Failure>> {
        let (scheme, text) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        if !token.is_some_and(|token| token.lets_in(text.trim_ascii(), peer)) {
            warn!(%peer, "login refused: the token is another, or comes from another machine");
            return Some(Err(Failure::login_failed()));
        }
        let tags = UserTags::new(["administrator".to_owned()]);
        let user = User { name: TOKEN_NAME.into(), tags, loopback_only: true, password: None };
        Some(Ok(Self { user: user.into(), has_token: true }))
    }

    /// What the caller may do in a vhost; `None` if they may not enter it, or if there is none of this name.
    pub(crate) fn authority(&self, admin: &Admin, vhost: &str) -> Option<Authority> {
        if !self.has_token {
            return admin.authority(&self.user, vhost);
        }
        admin.vhost(vhost)?;
        Some(Authority {
            user: self.user.name.clone(),
            vhost: vhost.into(),
            permission: Permission::full().into(),
            topics: Default::default(),
        })
    }

    /// Finds out who sent a request.
    ///
    /// # Errors
    /// 401 if nobody is named, or name and password are wrong, or the user may not come from there.
    pub(crate) async fn of(
        headers: &HeaderMap,
        admin: &Admin,
        peer: IpAddr,
        last: &LastLogin,
    ) -> Result<Self, Failure> {
        let header = headers.get(header::AUTHORIZATION).ok_or_else(Failure::login_needed)?;
        let digest: [u8; 32] = Sha256::digest(header.as_bytes()).into();
        let remembered = last.0.lock().as_ref().filter(|(known, _)| *known == digest).cloned();
        if let Some((_, user)) = remembered
            && admin.user(&user.name).is_some_and(|current| Arc::ptr_eq(&current, &user))
        {
            return Ok(Self { user, has_token: false });
        }
        let (name, password) = name_and_password(header.as_bytes())?;
        let caller = Self::named(admin, &name, &password, peer).await?;
        *last.0.lock() = Some((digest, Arc::clone(&caller.user)));
        Ok(caller)
    }

    /// Who has this name and this password.
    ///
    /// # Errors
    /// 401 if nobody has, or they may not come from there.
    pub(crate) async fn named(
        admin: &Admin,
        name: &str,
        password: &[u8],
        peer: IpAddr,
    ) -> Result<Self, Failure> {
        let user = admin.log_in(name, password, peer).await.ok_or_else(Failure::login_failed)?;
        Ok(Self { user, has_token: false })
    }

    /// Somebody of whom nothing is known, and who may do nothing.
    pub(crate) fn nobody() -> Self {
        let (name, tags) = ("".into(), UserTags::default());
        let user = User { name, tags, loopback_only: true, password: None };
        Self { user: user.into(), has_token: false }
    }

    /// Whether the caller may do everything.
    pub(crate) fn is_administrator(&self) -> bool {
        self.user.tags.contains("administrator")
    }

    /// Whether the caller may see everything.
    pub(crate) fn is_monitoring(&self) -> bool {
        self.is_administrator() || self.user.tags.contains("monitoring")
    }

    /// Whether the caller may see a connection of this user, and what belongs to it.
    pub(crate) fn may_see_what_is_of(&self, user: &str) -> bool {
        self.is_monitoring() || self.user.name == *user
    }

    /// Whether the caller may set policies and parameters.
    pub(crate) fn is_policymaker(&self) -> bool {
        self.is_administrator() || self.user.tags.contains("policymaker")
    }

    /// Whether the caller may use the API at all.
    pub(crate) fn is_management(&self) -> bool {
        self.is_monitoring() || self.is_policymaker() || self.user.tags.contains("management")
    }
}

/// What `Basic` says.
fn name_and_password(header: &[u8]) -> Result<(String, Vec<u8>), Failure> {
    let (scheme, encoded) = header.split_at_checked(6).ok_or_else(Failure::login_needed)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return Err(Failure::login_needed());
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).map_err(|_| Failure::login_failed())?;
    let colon = decoded.iter().position(|&byte| byte == b':').ok_or_else(Failure::login_failed)?;
    let (name, password) = decoded.split_at(colon);
    let name = String::from_utf8(name.to_vec()).map_err(|_| Failure::login_failed())?;
    Ok((name, password.get(1..).unwrap_or_default().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_a_name_and_a_password() {
        let read = |text: &str| name_and_password(text.as_bytes());
        let (name, password) = read("Basic Z3Vlc3Q6YTpi").unwrap();
        assert_eq!((name.as_str(), password.as_slice()), ("guest", b"a:b".as_slice()));
        assert_eq!(read("bAsIc Z3Vlc3Q6").unwrap().1, b"");
        for (header, failure) in [
            ("", Failure::login_needed()),
            ("Bearer abcdefg", Failure::login_needed()),
            ("Basic ?", Failure::login_failed()),
            ("Basic Z3Vlc3Q=", Failure::login_failed()),
            ("Basic /zo6", Failure::login_failed()),
        ] {
            assert_eq!(read(header).unwrap_err(), failure, "{header}");
        }
    }
}
