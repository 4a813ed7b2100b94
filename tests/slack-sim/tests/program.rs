//! The program itself, as somebody uses it whose tests are not in Rust.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::process::Stdio;
use std::time::Duration;

use common::{Result, http};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn another_program_sees_what_the_app_did_and_makes_things_go_wrong() -> Result<()> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_slack-sim"))
        .args(["--port", "0", "--bot-token", "xoxb-mine"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).await?;
    let page = line.split_whitespace().last().unwrap().to_owned();
    let call = async |method: &str, args: Value| {
        let url = format!("{page}api/{method}");
        let headers = [("Authorization", "Bearer xoxb-mine"), JSON];
        http("POST", &url, &headers, &args.to_string()).await
    };
    let sim = async |verb: &str, path: &str, body: Value| {
        let url = format!("{page}sim/{path}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        http(verb, &url, &[JSON], &body).await
    };

    let broken = json!({"method": "auth.test", "fault": {"server_error": 503}, "times": 2});
    assert_eq!(sim("POST", "faults", broken).await?.status, 204);
    let refused = json!({"method": "auth.test", "fault": {"error": "fatal_error"}});
    assert_eq!(sim("POST", "faults", refused).await?.status, 204);
    for _ in 0..2 {
        assert_eq!(call("auth.test", json!({})).await?.status, 503);
    }
    assert_eq!(
        call("auth.test", json!({})).await?.body["error"],
        "fatal_error"
    );
    assert_eq!(call("auth.test", json!({})).await?.body["ok"], true);
    let always = json!({"method": "*", "fault": "reset_before", "probability": 1.0});
    assert_eq!(sim("POST", "faults", always).await?.status, 204);
    assert!(call("auth.test", json!({})).await.is_err());
    assert_eq!(sim("DELETE", "faults", Value::Null).await?.status, 204);
    let envelope = json!({"envelope": {"duplicate_after_ms": 5}});
    assert_eq!(sim("POST", "faults", envelope).await?.status, 204);
    let nonsense = json!({"method": "*", "fault": "explode"});
    assert_eq!(sim("POST", "faults", nonsense).await?.status, 400);

    call(
        "chat.postMessage",
        json!({"channel": "general", "txt": "x"}),
    )
    .await?;
    let calls = sim("GET", "calls?method=chat.postMessage", Value::Null).await?;
    let wanted = json!([{"method": "chat.postMessage", "args": {"channel": "general", "txt": "x"}, "error": "no_text", "injected": false}]);
    assert_eq!(calls.body, wanted);
    let all = sim("GET", "calls", Value::Null).await?.body;
    assert_eq!(all.as_array().unwrap().len(), 6, "{all}");
    let violations = sim("GET", "violations", Value::Null).await?.body;
    assert!(violations.to_string().contains("txt"), "{violations}");

    let id = program.id().unwrap().to_string();
    Command::new("kill").args(["-TERM", &id]).status().await?;
    let ended = tokio::time::timeout(Duration::from_secs(5), program.wait()).await??;
    assert!(ended.success(), "{ended}");
    let mut said = String::new();
    out.read_to_string(&mut said).await?;
    assert!(said.contains("violation: UnknownArgument"), "{said}");
    Ok(())
}
