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
fn which_handlers_a_file_must_have_depends_on_its_use_and_is_not_judged_here() {
    assert_eq!(problems("x = 1\n"), Vec::<String>::new());
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
fn handlers_that_have_nothing_to_do_yet_are_warned_about_and_no_other_handler_is() {
    let source = format!(
        "{GUIDE}\nfrom sym.sdk.annotations import hook, reducer\n@hook\ndef after_escalate(event):\n    pass\n@hook\ndef on_deny(event):\n    pass\n@reducer\ndef get_timeout(event):\n    return 5\n"
    );
    let found = problems(&source);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("warning ")
            && found[0].contains(
                "nothing to call the hook 'after_escalate' for yet: access is granted by hand"
            ),
        "{found:?}"
    );
    let identities = "@reducer\ndef get_identity(event, service, account, user):\n    pass\n\
                      @reducer\ndef get_identity_lookup(event, service):\n    pass\n";
    let source = format!("{GUIDE}\nfrom sym.sdk.annotations import reducer\n{identities}");
    assert_eq!(problems(&source), Vec::<String>::new());
    assert_eq!(
        inspect(&source).handlers,
        [
            "get_permissions",
            "get_request_notifications",
            "get_identity",
            "get_identity_lookup"
        ]
    );
}

#[test]
fn handlers_that_are_not_called_yet_must_take_their_arguments_all_the_same() {
    let source = format!(
        "{GUIDE}\nfrom sym.sdk.annotations import hook\n@hook\ndef on_escalate(event, more):\n    pass\n"
    );
    let found = problems(&source);
    assert!(
        found
            .iter()
            .any(|one| one.starts_with("error ") && one.contains("must take one argument")),
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
fn prefetch_reducers_take_the_event_whatever_they_are_called() {
    let with = |parameters: &str| {
        after_guide(&format!(
            "from sym.sdk.annotations import prefetch\n@prefetch('team')\ndef get_flows({parameters}):\n    return []\n"
        ))
    };
    for fitting in ["event", "event, more=1", "*all", "event=None, *, key=1"] {
        assert_eq!(with(fitting), Vec::<String>::new(), "{fitting}");
    }
    for wrong in ["", "event, more", "event, *, key", "*, key=1"] {
        assert_eq!(
            with(wrong),
            ["error 3: 'get_flows' must take one argument, the event"],
            "{wrong}"
        );
    }
}

#[test]
fn a_flows_filter_takes_the_flows_at_least() {
    let with = |parameters: &str| {
        problems(&format!(
            "from sym.sdk.annotations import reducer\n@reducer\ndef get_flows({parameters}):\n    return []\n"
        ))
    };
    for fitting in ["user, flows, variables", "user, flows", "user, *rest"] {
        assert_eq!(with(fitting), Vec::<String>::new(), "{fitting}");
    }
    for wrong in ["event", "user, flows, variables, more"] {
        assert_eq!(
            with(wrong),
            ["error 3:1: 'get_flows' must take the arguments user, flows, flows_filter_vars"],
            "{wrong}"
        );
    }
}

#[test]
fn functions_of_on_change_that_cannot_be_called_are_told_apart_by_name() {
    let faults = |source: &str| -> Vec<String> {
        let inspection = inspect(source);
        assert_eq!(inspection.problems, [], "{source}");
        let faults = inspection.on_change.into_iter();
        faults
            .map(|(function, problem)| format!("{function} {}: {}", problem.line, problem.message))
            .collect()
    };
    for fitting in [
        "def on_change_a(username, form):\n    return form\n",
        "def on_change_a(username, form, more=1, *, key=2):\n    return form\n",
        "def on_change_a(*given):\n    return given[1]\n",
        "on_change_a = lambda username, form: form\n",
        "class Change:\n    def __call__(self, username, form):\n        return form\non_change_a = Change()\n",
    ] {
        assert_eq!(faults(fitting), Vec::<String>::new(), "{fitting}");
    }
    let arguments = "'on_change_a' must take the arguments username, form";
    for (source, fault) in [
        (
            "x = 1\ndef on_change_a(form):\n    return form\n",
            format!("on_change_a 2: {arguments}"),
        ),
        (
            "def on_change_a():\n    pass\n",
            format!("on_change_a 1: {arguments}"),
        ),
        (
            "def on_change_a(username, form, more):\n    return form\n",
            format!("on_change_a 1: {arguments}"),
        ),
        (
            "def on_change_a(username, form, *, key):\n    return form\n",
            format!("on_change_a 1: {arguments}"),
        ),
        (
            "on_change_a = 3\n",
            "on_change_a 1: 'on_change_a' is not a function".to_owned(),
        ),
        (
            "async def on_change_a(username, form):\n    return form\n",
            "on_change_a 1: 'on_change_a' is an async function; handlers are plain functions"
                .to_owned(),
        ),
    ] {
        assert_eq!(faults(source), [fault], "{source}");
    }
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
    assert_eq!(found.len(), 1, "{found:?}");
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

/// The problems of these lines after the guide's file, as `kind line: message [hint]`, lines counted from the first of these.
fn after_guide(lines: &str) -> Vec<String> {
    let first = GUIDE.lines().count() + 1;
    let inspection = inspect(&format!("{}\n{lines}", GUIDE.trim_end()));
    let problems = inspection.problems.into_iter();
    problems
        .map(|problem| {
            let kind = if problem.error { "error" } else { "warning" };
            let hint = problem.hint.map(|hint| format!(" [{hint}]"));
            format!(
                "{kind} {}: {}{}",
                (problem.line + 1).saturating_sub(first),
                problem.message,
                hint.unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn functions_that_are_nearly_handlers_and_that_nothing_calls_are_warned_about() {
    assert_eq!(
        after_guide(
            "def on_aprove(event):\n    pass\ndef get_permision(event):\n    pass\ndef onDeny(event):\n    pass\n"
        ),
        [
            "warning 1: 'on_aprove' is nearly the name of the hook 'on_approve', and nothing calls it [name it on_approve and add @hook above it if it should be]",
            "warning 3: 'get_permision' is nearly the name of the reducer 'get_permissions', and nothing calls it [name it get_permissions and add @reducer above it if it should be]",
            "warning 5: 'onDeny' is nearly the name of the hook 'on_deny', and nothing calls it [name it on_deny and add @hook above it if it should be]",
        ]
    );
    // Helpers are used, or are called something else.
    assert_eq!(
        after_guide(
            "def get_permission(event):\n    return 1\ndef users(event):\n    return get_permission(event)\n"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn misspelt_handlers_are_warned_about_with_a_suggestion_also_inside_of_conditions() {
    assert_eq!(
        after_guide(
            "from sym.sdk.annotations import hook\nif True:\n    @hook\n    def on_aproved(event):\n        pass\n    def on_deny(event):\n        pass\n"
        ),
        [
            "warning 4: 'on_aproved' is not the name of a hook: it is never called [did you mean 'on_approve'?]",
            "warning 6: 'on_deny' has the name of a hook but no decorator: it is never called [add @hook above it if it should be]",
        ]
    );
}

#[test]
fn a_handler_that_is_defined_twice_is_warned_about() {
    assert_eq!(
        after_guide(
            "from sym.sdk.annotations import hook\n@hook\ndef on_deny(event):\n    pass\n@hook\ndef on_deny(event):\n    pass\n"
        ),
        [
            "warning 3: 'on_deny' is defined again in line 40: this one is never called [keep one of them]"
        ]
    );
}

#[test]
fn several_prefetch_reducers_of_a_field_are_an_error_and_all_are_listed() {
    let lines = "from sym.sdk.annotations import prefetch\n@prefetch('team')\ndef one(event):\n    return []\n@prefetch(field_name='team')\ndef two(event):\n    return []\n@prefetch('site')\ndef three(event):\n    return []\n";
    assert_eq!(
        after_guide(lines),
        [
            "error 6: there are several prefetch reducers for the field 'team': one, two [keep one of them]"
        ]
    );
    let inspection = inspect(&format!("{}\n{lines}", GUIDE.trim_end()));
    let reducers: Vec<String> = inspection
        .prefetch
        .unwrap()
        .into_iter()
        .map(|one| format!("{} {} {}", one.field, one.function, one.line))
        .collect();
    assert_eq!(reducers, ["team one 37", "team two 40", "site three 43"]);
    assert_eq!(inspect("x = \n").prefetch, None);
}

#[test]
fn names_are_looked_up_as_python_does() {
    assert_eq!(
        after_guide(concat!(
            "import datetime\n",
            "def helper(one, *rest, key=None, **more):\n",
            "    global counter\n",
            "    counter = 1\n",
            "    squares = [x * y for x in rest for y in (x,) if x if (last := x)]\n",
            "    try:\n",
            "        with one as opened, key as (a, [b, *c]):\n",
            "            del opened\n",
            "    except (ValueError, KeyError) as error:\n",
            "        print(error, a, b, c, more, last, lambda z: (z, one))\n",
            "    match one:\n",
            "        case {'k': found, **others} if found:\n",
            "            return others\n",
            "        case [head, *tail] | (head, *tail):\n",
            "            return head, tail\n",
            "        case datetime.date() as day:\n",
            "            return day\n",
            "    class Inner(Outer):\n",
            "        size = 3\n",
            "        double = size * 2\n",
            "        def method(self) -> 'Unknown':\n",
            "            return __class__, self, squares\n",
            "    def nested():\n",
            "        nonlocal squares\n",
            "        squares = None\n",
            "    return Inner, nested, counter, __name__\n",
            "class Outer[T]:\n",
            "    pass\n",
            "def generic[S](value: Never) -> S:\n",
            "    local: Never = value\n",
            "    return helper, S\n",
        )),
        Vec::<String>::new()
    );
}

#[test]
fn names_that_are_defined_elsewhere_only_are_warned_about() {
    assert_eq!(
        after_guide(concat!(
            "def one(event):\n",
            "    from sym.sdk.user import UserRole\n",
            "    total = 1\n",
            "    return UserRole, total\n",
            "def two(event):\n",
            "    return UserRole, total\n",
            "class Settings:\n",
            "    limit = 3\n",
            "    def read(self):\n",
            "        return limit\n",
            "def three(events):\n",
            "    [x for x in events]\n",
            "    return x, ApprovalTemplate.approve(), json.dumps(1), evnts\n",
        )),
        [
            "warning 6: 'UserRole' is not defined here, only inside of 'one' (line 36): using it raises a NameError [from sym.sdk import UserRole]",
            "warning 6: 'total' is not defined here, only inside of 'one' (line 37): using it raises a NameError",
            "warning 10: 'limit' is not defined here, only inside of 'Settings' (line 42): using it raises a NameError",
            "warning 13: 'x' is not defined in this file: using it raises a NameError",
            "warning 13: 'ApprovalTemplate' is not defined in this file: using it raises a NameError [from sym.sdk.templates import ApprovalTemplate]",
            "warning 13: 'json' is not defined in this file: using it raises a NameError [import json]",
            "warning 13: 'evnts' is not defined in this file: using it raises a NameError [did you mean 'events'?]",
        ]
    );
}

#[test]
fn all_imports_that_fail_are_reported_in_one_go() {
    assert_eq!(
        after_guide(concat!(
            "import boto3, json\n",
            "from sym.sdk.request_permission import RequestPermision\n",
            "from sym.sdk.annotations import Notification\n",
            "from sym.sdk.nothing import x\n",
            "from .beside import helper\n",
            "def on_approve(event):\n",
            "    import numpy\n",
            "    from sym.sdk.integrations import teams\n",
            "    slack.channel('#a')\n",
            "    nobody()\n",
        )),
        [
            "error 1: ImportError: 'boto3' cannot be imported in an implementation file. Available are sym.sdk, requests, json, datetime and other pure modules of the standard library.",
            "error 2: ImportError: cannot import name 'RequestPermision' from 'sym.sdk.request_permission' [did you mean 'RequestPermission'?]",
            "error 3: ImportError: cannot import name 'Notification' from 'sym.sdk.annotations' [from sym.sdk.notifications import Notification]",
            "error 4: ImportError: No module named 'sym.sdk.nothing'",
            "error 5: ImportError: an implementation is a file of its own: nothing can be imported from beside it",
            "warning 6: 'on_approve' has the name of a hook but no decorator: it is never called [add @hook above it if it should be]",
            "warning 7: ImportError: 'numpy' cannot be imported in an implementation file. Available are sym.sdk, requests, json, datetime and other pure modules of the standard library.",
            "warning 8: ImportError: cannot import name 'teams' from 'sym.sdk.integrations'",
            "warning 10: 'nobody' is not defined in this file: using it raises a NameError",
        ]
    );
}

#[test]
fn imports_that_may_fail_or_never_run_are_not_reported() {
    assert_eq!(
        after_guide(concat!(
            "import typing\n",
            "try:\n",
            "    import boto3\n",
            "except ImportError:\n",
            "    boto3 = None\n",
            "if typing.TYPE_CHECKING:\n",
            "    from nowhere import Thing\n",
            "def later():\n",
            "    try:\n",
            "        import numpy\n",
            "    except Exception:\n",
            "        numpy = None\n",
            "    return boto3, numpy\n",
        )),
        Vec::<String>::new()
    );
}

#[test]
fn attributes_that_a_module_or_an_enumeration_does_not_have_are_warned_about() {
    assert_eq!(
        after_guide(concat!(
            "import requests\n",
            "from sym.sdk.templates import ApprovalTemplate\n",
            "def helper(slack_like):\n",
            "    slack.chanel('#a')\n",
            "    slack.chanel('#b')\n",
            "    requests.exceptions.HTTPErorr\n",
            "    PermissionLevel.MEMBERS\n",
            "    ApprovalTemplate.aprove()\n",
            "    return slack_like.anything\n",
            "def shadowed(slack):\n",
            "    return slack.anything\n",
        )),
        [
            "warning 4: 'slack' has no 'chanel': using it raises an AttributeError [did you mean 'channel'?]",
            "warning 6: 'requests.exceptions' has no 'HTTPErorr': using it raises an AttributeError [did you mean 'HTTPError'?]",
            "warning 7: 'PermissionLevel' has no 'MEMBERS': using it raises an AttributeError [did you mean 'MEMBER'?]",
            "warning 8: 'ApprovalTemplate' has no 'aprove': using it raises an AttributeError [did you mean 'approve'?]",
        ]
    );
}

#[test]
fn attributes_are_looked_at_after_a_star_import_too() {
    assert_eq!(
        after_guide(concat!(
            "from sym.sdk import *\n",
            "from sym.sdk.annotations import hook\n",
            "@hook\n",
            "def on_request(event):\n",
            "    if event.user.role in (UserRole.ADMIN, UserRole.MEMBRE):\n",
            "        return ApprovalTemplate.aprove()\n",
            "def shadowed(ApprovalTemplate):\n",
            "    return ApprovalTemplate.aprove()\n",
        )),
        [
            "warning 5: 'UserRole' has no 'MEMBRE': using it raises an AttributeError [did you mean 'MEMBER'?]",
            "warning 6: 'ApprovalTemplate' has no 'aprove': using it raises an AttributeError [did you mean 'approve'?]",
        ]
    );
}

#[test]
fn code_that_does_not_compile_or_raises_is_an_error_with_its_line() {
    assert_eq!(after_guide("return 1\n").len(), 1);
    assert!(after_guide("return 1\n")[0].starts_with("error 1: "));
    assert!(after_guide("x = 1\nawait x\n")[0].starts_with("error 2: "));
    assert_eq!(
        after_guide("def f():\n    pass\n1 / 0\nunknown_name\n"),
        [
            "error 3: ZeroDivisionError: division by zero",
            "warning 4: 'unknown_name' is not defined in this file: using it raises a NameError",
        ]
    );
    assert_eq!(after_guide("raise MemoryError\n"), ["error 1: MemoryError"]);
    assert_eq!(
        after_guide("nobody.knows()\n"),
        ["error 1: NameError: name 'nobody' is not defined"]
    );
}
