//! A request whose sender is known and may ask: what the functions of `api` are given.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderMap;
use broker::{Authority, VhostName};
use server::admin::Admin;

use crate::caller::Caller;
use crate::document::Document;
use crate::failure::Failure;
use crate::listing::Listing;
use crate::query::Query;
use crate::settings::Shown;

/// A request that may be answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) admin: Admin,
    pub(crate) shown: Shown,
    pub(crate) caller: Caller,
    pub(crate) peer: SocketAddr,
    /// Whether it came under TLS.
    pub(crate) is_tls: bool,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// A part of the path, without its escapes.
    ///
    /// # Panics
    /// If the path has no such part: its name is a mistake in the program.
    pub(crate) fn part(&self, name: &str) -> &str {
        let part = self.path.iter().find(|(found, _)| found == name);
        part.map(|(_, value)| value.as_str()).expect("the path has a part of this name")
    }

    /// The body as an object.
    ///
    /// # Errors
    /// 400 if it is none.
    pub(crate) fn document(&self) -> Result<Document, Failure> {
        Document::of(&self.body)
    }

    /// How a list is wanted.
    ///
    /// # Errors
    /// 400 if that makes no sense.
    pub(crate) fn listing(&self) -> Result<Listing, Failure> {
        Listing::of(&self.query)
    }

    /// The name of the node that answers.
    pub(crate) fn node_name(&self) -> Arc<str> {
        Arc::clone(&self.shown.node_name)
    }

    /// Whether the caller may see that there is such a vhost.
    pub(crate) fn may_see(&self, vhost: &str) -> bool {
        self.caller.is_monitoring() || self.caller.authority(&self.admin, vhost).is_some()
    }

    /// What there is in all vhosts of which the caller may see what is in them.
    pub(crate) fn in_vhosts<T>(&self, list: impl Fn(&Admin, Option<&str>) -> Vec<T>) -> Vec<T> {
        let vhosts = self.admin.vhosts();
        let open =
            vhosts.iter().filter(|vhost| self.caller.authority(&self.admin, &vhost.name).is_some());
        open.flat_map(|vhost| list(&self.admin, Some(&vhost.name))).collect()
    }

    /// The vhosts of which the caller may see what is set in them: an administrator of all.
    pub(crate) fn visible_vhosts(&self) -> Vec<VhostName> {
        let vhosts = self.admin.vhosts().into_iter().map(|vhost| vhost.name);
        let is_visible = |vhost: &VhostName| {
            let is_permitted = || self.admin.authority(&self.caller.user, vhost).is_some();
            self.caller.is_administrator() || is_permitted()
        };
        vhosts.filter(is_visible).collect()
    }

    /// What the caller may do in the vhost of the path.
    ///
    /// # Errors
    /// 401 if nothing; it may have been taken away a moment ago.
    pub(crate) fn authority(&self) -> Result<Authority, Failure> {
        let authority = self.caller.authority(&self.admin, self.part("vhost"));
        authority.ok_or_else(Failure::no_vhost_access)
    }
}
