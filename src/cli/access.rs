//! How a command finds its broker, and who it is there.
//!
//! Without a word it is the one on this machine: `admin.token` in the data folder says where its API is, and lets whoever
//! may read it in. `--url` names another, with a user.

mod password;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use disk::AdminTokenText;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::DefaultFolder;
use crate::api::Api;

pub(crate) use self::password::{Secret, first_line_of, prompt};

/// Which broker, and as whom.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which broker")]
pub(crate) struct Access {
    /// Its HTTP API [default: that of the broker on this machine; or PILLARBOX_URL]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The user [default: whoever may read the data folder; or PILLARBOX_USER]
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    /// The user's password; others on this machine can see it, unlike PILLARBOX_PASSWORD and --password-file
    #[arg(long, global = true, value_name = "PASSWORD", conflicts_with = "password_file")]
    password: Option<Secret>,
    /// A file whose first line is the password; `-` is the standard input
    #[arg(long, global = true, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The certificate of who vouches for the broker, for an address with https
    #[arg(long, global = true, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The data folder of the broker on this machine [default: that of the settings; or PILLARBOX_DATA_DIR]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The settings file that names the data folder
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
    /// How many seconds an answer may take
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
}

/// Where a broker is asked that nobody has named, and that has left no token.
const DEFAULT_URL: &str = "http://127.0.0.1:15672";

/// What the environment says.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Access {
    /// That of a tool with a language of its own, which was told these.
    pub(crate) fn of_tool(data_dir: Option<PathBuf>, timeout_secs: Option<u64>) -> Self {
        Self { data_dir, timeout: timeout_secs.unwrap_or(60), ..Self::default() }
    }

    /// The API of the broker that is meant.
    ///
    /// # Errors
    /// If it is not known where it is or who asks; the message says how to tell.
    pub(crate) fn api(&self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Api> {
        let url = self.url.clone().or_else(|| variable("PILLARBOX_URL"));
        let user = self.user.clone().or_else(|| variable("PILLARBOX_USER"));
        let patience = Duration::from_secs(self.timeout.max(1));
        let api = |url: &str, authorization| {
            anyhow::Ok(Api::new(url, authorization, patience, self.tls(url)?))
        };
        if let Some(user) = user {
            let url = match url {
                Some(url) => url,
                None => self
                    .token(default_folder)
                    .map_or_else(|_| DEFAULT_URL.to_owned(), |text| text.url),
            };
            return api(&url, Some(basic(&user, &self.password(&user)?)));
        }
        ensure!(
            self.password.is_none() && self.password_file.is_none(),
            "a password is given, but no user: `--user` names one"
        );
        let token = self.token(default_folder);
        match (url, token) {
            (None, Ok(text)) => api(&text.url, Some(format!("Bearer {}", text.token))),
            // The token is for the broker that made it, and for nobody else to see.
            (Some(url), Ok(text)) if url.trim_end_matches('/') == text.url => {
                api(&text.url, Some(format!("Bearer {}", text.token)))
            }
            (Some(url), _) => {
                bail!("nobody is named to log in at {url}: `--user` or PILLARBOX_USER names one")
            }
            (None, Err(error)) => Err(error),
        }
    }

    /// The data folder of the broker on this machine.
    fn folder(&self, default_folder: DefaultFolder<'_>) -> anyhow::Result<PathBuf> {
        self.data_dir.clone().map_or_else(|| default_folder(self.config.as_deref()), Ok)
    }

    /// The data folder, if this is the API of the broker that runs on it.
    pub(crate) fn folder_of(
        &self,
        api: &Api,
        default_folder: DefaultFolder<'_>,
    ) -> Option<PathBuf> {
        let folder = self.folder(default_folder).ok()?;
        let text = AdminTokenText::read(&folder).ok()?;
        (text.url == api.base()).then_some(folder)
    }

    /// The file in the data folder of the broker on this machine.
    fn token(&self, default_folder: DefaultFolder<'_>) -> anyhow::Result<AdminTokenText> {
        let folder = self.folder(default_folder)?;
        AdminTokenText::read(&folder).with_context(|| {
            format!(
                "no broker of this machine is known: cannot read {}. Is it running, with this data folder and as a user whose \
                 files may be read? `--data-dir` or `--config` names another folder, `--url` and `--user` another broker",
                AdminTokenText::path(&folder).display()
            )
        })
    }

    fn password(&self, user: &str) -> anyhow::Result<Secret> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(password.clone()),
            (None, Some(file)) => first_line_of(file),
            (None, None) => match variable("PILLARBOX_PASSWORD") {
                Some(password) => Ok(Secret::new(password)),
                None => prompt(&format!("Password of {user}: ")),
            },
        }
    }

    fn tls(&self, url: &str) -> anyhow::Result<TlsConfig> {
        let builder = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let Some(file) = &self.cacert else {
            ensure!(
                !url.starts_with("https://"),
                "{url} needs the certificate of who vouches for the broker: `--cacert FILE`"
            );
            return Ok(builder
                .root_certs(RootCerts::from(Vec::<Certificate<'static>>::new()))
                .build());
        };
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let certificates = ureq::tls::parse_pem(&text).filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        let certificates = certificates.collect::<Result<Vec<_>, _>>();
        let certificates =
            certificates.with_context(|| format!("{} is no certificate", file.display()))?;
        ensure!(!certificates.is_empty(), "there is no certificate in {}", file.display());
        Ok(builder.root_certs(RootCerts::from(certificates)).build())
    }
}

/// `Authorization` of a name and a password.
pub(crate) fn basic(user: &str, password: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.text())))
}
