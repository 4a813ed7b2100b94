//! `--var` and `--var-file`: values for Terraform variables, in the order in which they were written, because later ones count
//! over earlier ones whichever way they are given, as in Terraform. clap keeps one list for each flag, so the order is put
//! together again from the places of the arguments.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::ConfigError;
use crate::flows::Assignment;

const FILE: &str = "var_file";
const VALUE: &str = "var";

/// The two flags, as written.
#[derive(Debug, Clone, Default)]
pub struct ValueArgs(Vec<Written>);

#[derive(Debug, Clone)]
enum Written {
    File(PathBuf),
    Value(String),
}

impl ValueArgs {
    /// In the order of the command line.
    ///
    /// # Errors
    /// A `--var` without `=`.
    pub fn assignments(&self) -> Result<Vec<Assignment>, ConfigError> {
        self.0
            .iter()
            .map(|written| match written {
                Written::File(path) => Ok(Assignment::File(path.clone())),
                Written::Value(text) => match text.split_once('=') {
                    Some((name, value)) if !name.trim().is_empty() => Ok(Assignment::Value {
                        name: name.trim().to_owned(),
                        text: value.to_owned(),
                    }),
                    _ => Err(ConfigError::new(
                        format!("--var \"{text}\" has no name and value"),
                        "write --var name=value, as in Terraform",
                    )),
                },
            })
            .collect()
    }
}

impl Args for ValueArgs {
    fn augment_args(command: Command) -> Command {
        command
            .arg(
                Arg::new(FILE)
                    .long("var-file")
                    .value_name("FILE")
                    .help("File with values for Terraform variables; repeatable")
                    .value_parser(clap::value_parser!(PathBuf))
                    .action(ArgAction::Append),
            )
            .arg(
                Arg::new(VALUE)
                    .long("var")
                    .value_name("K=V")
                    .help("Value of a Terraform variable; repeatable, later ones count over earlier ones [env: TF_VAR_…]")
                    .action(ArgAction::Append),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ValueArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut arguments = Self::default();
        arguments.update_from_arg_matches(matches)?;
        Ok(arguments)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let files = matches.get_many::<PathBuf>(FILE).into_iter().flatten();
        let values = matches.get_many::<String>(VALUE).into_iter().flatten();
        let mut written: Vec<(usize, Written)> = places(matches, FILE)
            .zip(files.cloned().map(Written::File))
            .chain(places(matches, VALUE).zip(values.cloned().map(Written::Value)))
            .collect();
        written.sort_by_key(|(place, _)| *place);
        self.0 = written.into_iter().map(|(_, written)| written).collect();
        Ok(())
    }
}

fn places<'a>(matches: &'a ArgMatches, flag: &str) -> impl Iterator<Item = usize> + 'a {
    matches.indices_of(flag).into_iter().flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        values: ValueArgs,
    }

    fn parse(line: &[&str]) -> Result<Vec<Assignment>, ConfigError> {
        let line = std::iter::once("symbot").chain(line.iter().copied());
        <Line as clap::Parser>::try_parse_from(line)
            .unwrap()
            .values
            .assignments()
    }

    fn value(name: &str, text: &str) -> Assignment {
        Assignment::Value {
            name: name.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn flags_keep_the_order_in_which_they_were_written() {
        let file = |path: &str| Assignment::File(PathBuf::from(path));
        assert_eq!(
            parse(&[
                "--var",
                "a=1",
                "--var-file=x",
                "--var=a=b=2",
                "--var-file",
                "y"
            ])
            .unwrap(),
            vec![value("a", "1"), file("x"), value("a", "b=2"), file("y")]
        );
        assert_eq!(parse(&[]).unwrap(), vec![]);
    }

    #[test]
    fn a_value_without_a_name_is_refused() {
        for text in ["a", "=1", " =1"] {
            let error = parse(&["--var", text]).unwrap_err();
            assert!(error.to_string().contains("has no name and value"));
        }
    }
}
