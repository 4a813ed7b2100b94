//! The main line: a request, a decision, and everybody told.

use symbot::domain::run::Status;

use super::flows::Flows;
use super::harness::story;

#[test]
fn alice_asks_bob_approves_and_alice_is_told() {
    story(Flows::examples()).run(async |stage| {
        stage.alice_asks_for("approval").await?;
        let request = stage.request_in("#sym-requests").await?;
        request.expects_text("@alice requests *Approval*").await?;
        request.expects_text("deploy").await?;
        stage.bob.presses(&request, "Approve").await?;
        request.expects_text("*Approved* by @bob").await?;
        request.expects_no_buttons().await?;
        stage
            .alice
            .dm_with_bot()
            .expects_text("Your request *Approval* was approved by @bob")
            .await?;
        let run = stage.the_run().await;
        assert_eq!(run.status, Status::Approved);
        assert_eq!(run.decision.unwrap().by.email.as_deref(), Some("bob@acme.example"));
        Ok(())
    });
}
