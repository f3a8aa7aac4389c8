//! How many logins were tried.

use super::Admin;
use crate::attempts::{LoginCounts, LoginProtocol, LoginSource};

impl Admin {
    /// How many logins were tried by each protocol since they were [forgotten](Self::forget_login_attempts), or else since
    /// the process began.
    pub fn login_attempts(&self) -> Vec<(LoginProtocol, LoginCounts)> {
        LoginProtocol::ALL.into_iter().zip(self.node.attempts.recent()).collect()
    }

    /// How many there were since the process began.
    pub fn login_attempts_ever(&self) -> Vec<(LoginProtocol, LoginCounts)> {
        LoginProtocol::ALL.into_iter().zip(self.node.attempts.ever()).collect()
    }

    /// Who tried from where since they were forgotten, by address and name. Their counts add up to those of their protocol.
    pub fn login_sources(&self) -> Vec<(LoginSource, LoginCounts)> {
        let mut sources = self.node.attempts.sources();
        sources.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        sources
    }

    /// Begins to count anew; only what there was since the process began is still known.
    pub fn forget_login_attempts(&self) {
        self.node.attempts.forget();
    }
}
