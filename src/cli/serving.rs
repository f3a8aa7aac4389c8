//! `pillarbox pause`, `resume` and `stop`: whether a broker serves clients, and whether it goes on at all.

use clap::Args;
use serde_json::json;

use crate::DefaultFolder;
use crate::access::Access;
use crate::output::Output;

/// Serve no clients for a while: all connections are closed, and nobody can open another.
#[derive(Args, Debug)]
pub struct Pause {
    #[command(flatten)]
    access: Access,
}

/// Serve clients again.
#[derive(Args, Debug)]
pub struct Resume {
    #[command(flatten)]
    access: Access,
}

/// End a broker, as SIGTERM does.
#[derive(Args, Debug)]
pub struct Stop {
    #[command(flatten)]
    access: Access,
}

impl Pause {
    /// Stops serving.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        api.put("/serving", &json!({ "serving": false }))?;
        Ok(Output::line("clients are not served any more; `pillarbox resume` serves them again"))
    }
}

impl Resume {
    /// Serves again.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        api.put("/serving", &json!({ "serving": true }))?;
        Ok(Output::line("clients are served"))
    }
}

impl Stop {
    /// Ends it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        api.post("/shutdown", &json!({}))?;
        Ok(Output::line("the broker is stopping"))
    }
}
