//! `RABBITMQ_DEFAULT_USER`, `RABBITMQ_DEFAULT_PASS` and `RABBITMQ_DEFAULT_VHOST`: the user that a new data folder begins
//! with, as images of RabbitMQ are told of it.
//!
//! Like everything that the settings say of users, they count when a data folder is used for the first time.

use std::env::VarError;
use std::fmt;

use anyhow::{Result, bail};

/// What stands in the place of `guest`, `guest` and `/`.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct FirstUser {
    pub(crate) name: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) vhost: Option<String>,
}

impl FirstUser {
    /// Reads the environment. An empty variable is none, since files of environments cannot take one out.
    ///
    /// # Errors
    /// If one of them is no UTF-8.
    pub(crate) fn of(variable: impl Fn(&str) -> Result<String, VarError>) -> Result<Self> {
        let read = |name: &str| match variable(name) {
            Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => bail!("the variable {name} is no UTF-8"),
        };
        Ok(Self {
            name: read("RABBITMQ_DEFAULT_USER")?,
            password: read("RABBITMQ_DEFAULT_PASS")?,
            vhost: read("RABBITMQ_DEFAULT_VHOST")?,
        })
    }
}

/// The password is not shown.
impl fmt::Debug for FirstUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstUser")
            .field("name", &self.name)
            .field("vhost", &self.vhost)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;
    use crate::config::Config;

    fn config(settings: &str, variables: &[(&str, &str)]) -> Config {
        let first = FirstUser::of(|asked| {
            let found =
                variables.iter().find(|(name, _)| asked == format!("RABBITMQ_DEFAULT_{name}"));
            found.map(|(_, value)| (*value).to_owned()).ok_or(VarError::NotPresent)
        });
        let mut config: Config = toml::from_str(settings).unwrap();
        config.take_first_user(&first.unwrap());
        config
    }

    #[test]
    fn it_stands_in_the_place_of_guest() {
        assert_eq!(config("", &[]), Config::default());
        assert_eq!(config("", &[("USER", ""), ("PASS", "")]), Config::default());
        let given = config("", &[("USER", "anna"), ("PASS", "secret"), ("VHOST", "shop")]);
        let [anna] = given.users.as_slice() else { panic!("{given:?}") };
        assert_eq!((anna.name.as_str(), anna.password.as_str()), ("anna", "secret"));
        assert_eq!(
            (anna.loopback_only, anna.tags.as_slice()),
            (false, ["administrator".to_owned()].as_slice())
        );
        assert_eq!(
            (given.vhosts.as_slice(), anna.permissions[0].vhost.as_str()),
            (["shop".to_owned()].as_slice(), "shop")
        );
        assert!(given.options(true).is_ok());
        let given = config("", &[("PASS", "secret")]);
        assert_eq!((given.users[0].name.as_str(), given.users[0].loopback_only), ("guest", true));
        assert_eq!(given.users[0].password, "secret");
        let given = config("", &[("VHOST", "shop")]);
        assert_eq!(
            (given.users[0].name.as_str(), given.users[0].permissions[0].vhost.as_str()),
            ("guest", "shop")
        );
        assert!(given.options(true).is_ok());
    }

    #[test]
    fn other_users_of_the_settings_stay() {
        let settings =
            "users = [{ name = 'bob', password = 'b' }, { name = 'anna', password = 'old' }]";
        let given = config(settings, &[("USER", "anna"), ("PASS", "new")]);
        let names: Vec<_> = given.users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(
            (names.as_slice(), given.users[0].password.as_str()),
            (["anna", "bob"].as_slice(), "new")
        );
    }

    #[test]
    fn the_password_is_not_shown_and_what_is_no_text_is_named() {
        let first = FirstUser { password: Some("secret".to_owned()), ..FirstUser::default() };
        assert!(!format!("{first:?}").contains("secret"));
        let wrong = |_: &str| Err(VarError::NotUnicode(OsString::from_vec(vec![0xff])));
        assert!(FirstUser::of(wrong).unwrap_err().to_string().contains("RABBITMQ_DEFAULT_USER"));
    }
}
