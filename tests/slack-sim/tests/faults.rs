//! Faults on demand, as the app meets them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{Result, call, call_as, company, http};
use serde_json::json;
use slack_sim::{Fault, SlackSim};
use tokio::time::Instant;

const METHOD: &str = "chat.postMessage";

async fn post(slack: &SlackSim) -> std::io::Result<common::Answer> {
    call_as(
        slack,
        &slack.bot_token(),
        METHOD,
        json!({"channel": "general", "text": "hello"}),
    )
    .await
}

fn posted(slack: &SlackSim) -> usize {
    slack.channel("general").message_count()
}

#[tokio::test]
async fn errors_statuses_and_garbage_carry_nothing_out() -> Result<()> {
    let slack = company().await;
    slack
        .faults()
        .next(METHOD, Fault::Error("internal_error".into()));
    assert_eq!(post(&slack).await?.body["error"], "internal_error");
    slack.faults().next(
        METHOD,
        Fault::RateLimited {
            retry_after_seconds: 30,
        },
    );
    let answer = post(&slack).await?;
    assert_eq!(answer.status, 429);
    assert!(answer.headers.contains("retry-after: 30"));
    slack.faults().next(METHOD, Fault::ServerError(503));
    assert_eq!(post(&slack).await?.status, 503);
    assert_eq!(posted(&slack), 0);
    slack.faults().next(METHOD, Fault::Garbage);
    assert!(post(&slack).await?.body.is_string());
    assert_eq!(posted(&slack), 1);
    assert_eq!(post(&slack).await?.body["ok"], true);
    assert_eq!(slack.calls(METHOD).iter().filter(|c| c.injected).count(), 3);
    slack.expect_no_violations()?;
    Ok(())
}

#[tokio::test]
async fn a_connection_is_reset_before_or_after_the_effect() -> Result<()> {
    let slack = company().await;
    slack.faults().next(METHOD, Fault::ResetBefore);
    assert!(post(&slack).await.is_err());
    assert_eq!(posted(&slack), 0);
    slack.faults().next(METHOD, Fault::ResetAfter);
    assert!(post(&slack).await.is_err());
    assert_eq!(posted(&slack), 1);
    assert_eq!(post(&slack).await?.body["ok"], true);
    Ok(())
}

#[tokio::test]
async fn latency_comes_before_the_effect_and_a_slow_answer_after_it() -> Result<()> {
    let slack = company().await;
    let delay = Duration::from_millis(400);
    slack.faults().next(METHOD, Fault::Latency(delay));
    let started = Instant::now();
    let calling = tokio::spawn({
        let slack = slack.clone();
        async move { post(&slack).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(posted(&slack), 0);
    calling.await??;
    assert!(started.elapsed() >= delay);
    slack.faults().next(METHOD, Fault::SlowAnswer(delay));
    let calling = tokio::spawn({
        let slack = slack.clone();
        async move { post(&slack).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(posted(&slack), 2);
    assert!(!calling.is_finished());
    calling.await??;
    Ok(())
}

#[tokio::test]
async fn faults_are_counted_seeded_and_cleared() -> Result<()> {
    let slack = company().await;
    slack.faults().times(METHOD, 2, Fault::ServerError(500));
    assert_eq!(post(&slack).await?.status, 500);
    assert_eq!(post(&slack).await?.status, 500);
    assert_eq!(post(&slack).await?.status, 200);
    slack
        .faults()
        .always("*", Fault::Error("fatal_error".into()));
    assert_eq!(
        call(&slack, "auth.test", json!({})).await["error"],
        "fatal_error"
    );
    slack.faults().clear();
    assert_eq!(call(&slack, "auth.test", json!({})).await["ok"], true);
    slack.faults().seed(1);
    slack
        .faults()
        .sometimes(METHOD, 0.5, Fault::ServerError(500));
    let mut failures = 0;
    for _ in 0..40 {
        failures += usize::from(post(&slack).await?.status == 500);
    }
    assert!((8..32).contains(&failures), "{failures} of 40");
    Ok(())
}

#[tokio::test]
async fn what_a_fault_does_to_a_response_url_is_among_the_calls() -> Result<()> {
    let slack = company().await;
    let url = format!("{}response/none", slack.page_url());
    let method = "response_url";
    let refused = Fault::RateLimited {
        retry_after_seconds: 1,
    };
    for fault in [refused, Fault::ServerError(503), Fault::ResetBefore] {
        slack.faults().next(method, fault);
        let _ = http("POST", &url, &[], "text=x").await;
    }
    let calls = slack.calls(method);
    let errors: Vec<_> = calls.iter().filter_map(|c| c.error.as_deref()).collect();
    assert_eq!(errors, ["ratelimited", "http 500", "reset"]);
    assert!(calls.iter().all(|c| c.injected));
    slack.expect_no_violations()?;
    Ok(())
}
