//! What was given for each setting, and where: flags, then the environment, then the file.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::{FILE, SETTINGS, Setting, command};
use super::{ConfigError, Problem};

/// A value that somebody gave for a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The value, as text.
    pub value: String,
    /// As its author knows it: `--port`, `PORT` or `port in msr-server.toml`.
    pub place: String,
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}", self.place, self.value)
    }
}

/// Everything given, the first of flag, environment and file for each setting.
#[derive(Debug, Default)]
pub(super) struct Layers(Vec<(&'static str, Given)>);

impl Layers {
    /// Reads all three.
    pub(super) fn collect<A>(arguments: A, environment: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let mut layers = Self::default();
        layers.add_flags(arguments)?;
        layers.add_environment(environment);
        if let Some(file) = layers.find(FILE).map(|given| PathBuf::from(&given.value)) {
            layers.add_file(&file)?;
        }
        Ok(layers)
    }

    /// What was given for the setting of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Given> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, given)| given)
    }

    /// Reads what was given for that setting into `into`, which stays as it is when nothing was.
    pub(super) fn read<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, Problem>, into: &mut T) -> Result<(), ConfigError> {
        if let Some(given) = self.find(name) {
            *into = parse(&given.value).map_err(|problem| ConfigError::Invalid { given: Box::new(given.clone()), problem })?;
        }
        Ok(())
    }

    fn add(&mut self, setting: &'static Setting, value: &str, place: String) {
        let value = value.trim();
        if !value.is_empty() && self.find(setting.name).is_none() {
            self.0.push((setting.name, Given { value: value.to_owned(), place }));
        }
    }

    fn add_flags<A>(&mut self, arguments: A) -> Result<(), ConfigError>
    where
        A: IntoIterator,
        A::Item: Into<OsString> + Clone,
    {
        let matches = command().try_get_matches_from(arguments)?;
        for setting in SETTINGS {
            if let Some(value) = matches.get_one::<String>(setting.name) {
                self.add(setting, value, format!("--{}", setting.name));
            }
        }
        Ok(())
    }

    fn add_environment(&mut self, environment: impl Fn(&str) -> Option<String>) {
        for setting in SETTINGS {
            if let Some(value) = environment(setting.variable) {
                self.add(setting, &value, setting.variable.to_owned());
            }
        }
    }

    fn add_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        let table: toml::Table = text.parse().map_err(|source| ConfigError::NotToml { file: file.to_owned(), source: Box::new(source) })?;
        let in_file = || SETTINGS.iter().filter(|setting| setting.name != FILE);
        for (key, value) in &table {
            let Some(setting) = in_file().find(|setting| setting.name == key) else {
                let known = in_file().map(|setting| setting.name).collect::<Vec<_>>().join(", ");
                return Err(ConfigError::UnknownKey { file: file.to_owned(), key: key.clone(), known });
            };
            let place = format!("{key} in {}", file.display());
            let Some(text) = as_text(value) else {
                let given = Box::new(Given { value: value.to_string(), place });
                return Err(ConfigError::Invalid { given, problem: Problem::WrongKind });
            };
            self.add(setting, &text, place);
        }
        Ok(())
    }
}

/// A TOML value as it would stand in a flag.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Array(items) => {
            let texts = items.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
