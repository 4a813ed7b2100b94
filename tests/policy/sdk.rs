//! `sym.sdk` behaves as specified: Python files of assertions, run in a worker.

use crate::support::{PERMISSIONS, call};

fn passes(name: &str, source: &str) {
    let file = format!(
        "{source}\n\nfrom sym.sdk.annotations import reducer as _reducer\n\
         from sym.sdk.request_permission import RequestPermission as _Permission\n\
         @_reducer\ndef get_permissions(event):\n\
         \x20   import traceback\n\
         \x20   for name, test in list(globals().items()):\n\
         \x20       if name.startswith('test_'):\n\
         \x20           try:\n\
         \x20               test(event) if test.__code__.co_argcount else test()\n\
         \x20           except BaseException as error:\n\
         \x20               print('FAILED', name)\n\
         \x20               print(''.join(traceback.format_exception(error)[-4:]))\n\
         \x20   return _Permission(webapp_view='admin', approve_deny='admin')\n"
    );
    match call(&file, PERMISSIONS).run() {
        Ok(answer) => assert!(
            !answer.printed.contains("FAILED"),
            "{name}:\n{}",
            answer.printed
        ),
        Err(failure) => panic!(
            "{name}: {failure}\n{}",
            failure.traceback.as_deref().unwrap_or_default()
        ),
    }
}

macro_rules! python_tests {
    ($($name:ident => $file:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            passes($file, include_str!(concat!("sdk/", $file)));
        })*
    };
}

python_tests! {
    every_import_path_exists => "imports.py",
    permissions_validate_as_documented => "permissions.py",
    destinations_and_notifications_validate_as_documented => "destinations.py",
    resource_names_parse_and_compare_as_documented => "resources.py",
    exceptions_carry_codes_and_hints => "exceptions.py",
    forms_validate_as_documented => "forms.py",
    events_and_users_are_as_documented => "events.py",
    models_behave_like_pydantic_1 => "models.py",
    dates_and_numbers_are_read_like_pydantic_1_does => "conversions.py",
    integrations_ask_the_host_or_say_that_they_cannot => "integrations.py",
    templates_describe_events => "templates.py",
    strategies_and_secrets_are_as_documented => "strategies.py",
    the_standard_library_that_flows_use_works => "stdlib.py",
}

/// Modules and names of the tables in docs/sdk.md, with what is said of each.
fn documented() -> Vec<(String, Vec<(String, String)>)> {
    let mut modules: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in include_str!("../../docs/sdk.md").lines() {
        if let Some(module) = line.strip_prefix("## `") {
            modules.push((module.trim_end_matches('`').to_owned(), Vec::new()));
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert!(
                matches!(cells[1], "yes" | "differs" | "not yet"),
                "docs/sdk.md: {line}"
            );
            assert!(
                cells[1] == "yes" || !cells[2].is_empty(),
                "docs/sdk.md does not say how: {line}"
            );
            let name = cells[0].trim_end_matches('`').to_owned();
            let row = (name, cells[1].to_owned());
            modules.last_mut().unwrap().1.push(row);
        }
    }
    modules
}

#[test]
fn the_documentation_lists_exactly_the_names_that_can_be_imported() {
    let modules = documented();
    assert!(modules.len() > 50, "{}", modules.len());
    let source = format!(
        "import json\nMODULES = json.loads({:?})\n{}",
        serde_json::to_string(&modules).unwrap(),
        include_str!("sdk/documented.py")
    );
    passes("documented.py", &source);
}
