//! What `symbot check` says about a file.

use crate::support::inspect;

const GUIDE: &str = include_str!("guide/urgency.py");

fn problems(source: &str) -> Vec<String> {
    inspect(source)
        .problems
        .into_iter()
        .map(|problem| {
            let kind = if problem.error { "error" } else { "warning" };
            format!(
                "{kind} {}:{}: {}",
                problem.line, problem.column, problem.message
            )
        })
        .collect()
}

#[test]
fn a_good_file_has_handlers_and_no_problems() {
    let inspection = inspect(GUIDE);
    assert_eq!(
        inspection.handlers,
        ["get_permissions", "get_request_notifications"]
    );
    assert_eq!(inspection.problems, []);
}

#[test]
fn a_syntax_error_has_line_and_column() {
    let found = problems("x = 1\nif x\n    pass\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("error 2:5: "), "{found:?}");
}

#[test]
fn names_used_without_import_are_warned_about() {
    let source = "from sym.sdk.annotations import reducer\nfrom sym.sdk.request_permission import RequestPermission\n\
                  @reducer\ndef get_permissions(event):\n    slack.channel('#a')\n    return RequestPermision(webapp_view='admin', approve_deny='admin')\n";
    assert_eq!(
        problems(source),
        [
            "warning 5:5: 'slack' is used without being imported; it works here, but import it",
            "warning 6:12: 'RequestPermision' is not defined in this file: using it raises a NameError",
        ]
    );
}

#[test]
fn a_missing_get_permissions_is_an_error() {
    assert_eq!(
        problems("x = 1\n"),
        ["error 1:1: get_permissions is missing: nobody could decide a request"]
    );
}

#[test]
fn a_handler_without_decorator_is_warned_about() {
    let source = format!("{GUIDE}\ndef on_approve(event):\n    pass\n");
    let found = problems(&source);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("'on_approve' has the name of a hook but no decorator"),
        "{found:?}"
    );
}

#[test]
fn a_decorated_function_with_an_unknown_name_is_warned_about_with_a_suggestion() {
    let source = format!("{GUIDE}\n@reducer\ndef get_permission(event):\n    pass\n");
    let inspection = inspect(&source);
    assert_eq!(inspection.problems.len(), 1);
    assert!(!inspection.problems[0].error);
    assert_eq!(
        inspection.problems[0].hint.as_deref(),
        Some("did you mean 'get_permissions'?")
    );
}

#[test]
fn handlers_that_would_be_skipped_are_errors_or_are_said_to_have_nothing_to_do() {
    let source = format!(
        "{GUIDE}\nfrom sym.sdk.annotations import hook, reducer\n@hook\ndef after_escalate(event):\n    pass\n@hook\ndef on_deny(event):\n    pass\n@reducer\ndef get_timeout(event):\n    return 5\n"
    );
    let found = problems(&source);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("warning ")
            && found[0].contains(
                "nothing to call the hook 'after_escalate' for yet: access is granted by hand"
            ),
        "{found:?}"
    );
    assert!(
        found[1].starts_with("error ")
            && found[1].contains("does not call the reducer 'get_timeout'"),
        "{found:?}"
    );
}

#[test]
fn handlers_take_as_many_arguments_as_they_are_called_with() {
    let with = |parameters: &str| {
        problems(&format!(
            "{GUIDE}\nfrom sym.sdk.annotations import hook\n@hook\ndef on_request_forward({parameters}):\n    pass\n"
        ))
    };
    assert_eq!(with("event"), Vec::<String>::new());
    assert_eq!(with("event, context"), Vec::<String>::new());
    assert!(with("event, context, more")[0].contains("must take the arguments event, context"));
    assert!(with("")[0].contains("must take the arguments event, context"));
}

#[test]
fn get_approvers_stands_alone_or_is_said_to_be_never_called() {
    let former = "from sym.sdk.annotations import reducer\nfrom sym.sdk.integrations import slack\n\
                  @reducer\ndef get_approvers(event):\n    return slack.channel('#a')\n";
    assert_eq!(problems(former), Vec::<String>::new());
    let both = format!("{GUIDE}\n@reducer\ndef get_approvers(event):\n    return None\n");
    let found = problems(&both);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("warning ") && found[0].contains("is never called"));
}

#[test]
fn the_wrong_decorator_is_an_error() {
    let source =
        "from sym.sdk.annotations import hook\n@hook\ndef get_permissions(event):\n    pass\n";
    let found = problems(source);
    assert!(
        found[0].contains("'get_permissions' is a reducer, but is decorated with @hook"),
        "{found:?}"
    );
}

#[test]
fn a_handler_with_a_wrong_number_of_parameters_is_an_error() {
    let source = GUIDE.replace(
        "def get_permissions(event):",
        "def get_permissions(event, user):",
    );
    let found = problems(&source);
    assert_eq!(
        found,
        ["error 7:1: 'get_permissions' must take one argument, the event"]
    );
}

#[test]
fn an_import_that_does_not_exist_is_an_error_with_its_line() {
    let found = problems(&format!(
        "{GUIDE}\nfrom sym.sdk.integrations import teams\n"
    ));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("error 36:1: ImportError: "),
        "{found:?}"
    );
    let found = problems(&format!("{GUIDE}\nimport boto3\n"));
    assert!(found[0].contains("'boto3' cannot be imported"), "{found:?}");
}
