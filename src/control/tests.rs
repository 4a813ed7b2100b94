use std::os::unix::fs::FileTypeExt;

use super::*;

fn echo() -> Commands {
    Commands::new()
        .on(
            "echo",
            |arguments| async move { Ok(Answer::Value(arguments)) },
        )
        .on("refuse", |_| async {
            Err(CommandError::new("not today", "come again tomorrow"))
        })
        .on("count", |arguments| async move {
            let (send, pieces) = mpsc::channel(1);
            tokio::spawn(async move {
                for number in 0..3_u8 {
                    let _ = send.send(Piece::Bytes(vec![number; 1000])).await;
                }
                let _ = match arguments.as_str() {
                    Some("fail") => {
                        let error = CommandError::new("the disk is full", "");
                        send.send(Piece::Failed(error)).await
                    }
                    Some("vanish") => Ok(()),
                    _ => send.send(Piece::End(json!({"bytes": 3000}))).await,
                };
            });
            Ok(Answer::Body(json!({"pieces": 3}), pieces))
        })
}

async fn all(mut body: Body) -> Result<(Vec<u8>, Value), AskError> {
    let mut bytes = Vec::new();
    loop {
        match body.next().await? {
            Part::Bytes(piece) => bytes.extend(piece),
            Part::End(said) => return Ok((bytes, said)),
        }
    }
}

#[tokio::test]
async fn a_running_bot_is_asked_and_one_that_does_not_run_is_not() {
    let data = tempfile::tempdir().unwrap();
    let asked = ask(data.path(), "echo", json!(1)).await;
    assert_eq!(asked.unwrap_err(), AskError::NotRunning);

    let control = Control::open(data.path(), echo()).unwrap();
    let reply = ask(data.path(), "echo", json!({"run": "x"})).await.unwrap();
    assert_eq!(reply.value, json!({"run": "x"}));
    assert!(reply.body.is_none());
    let refused = ask(data.path(), "refuse", Value::Null).await.unwrap_err();
    assert_eq!(
        refused,
        AskError::Refused(CommandError::new("not today", "come again tomorrow"))
    );
    let unknown = ask(data.path(), "dance", Value::Null).await.unwrap_err();
    assert!(
        unknown.to_string().contains("no command \"dance\""),
        "{unknown}"
    );

    control.close().await;
    assert!(!data.path().join(SOCKET_NAME).exists());
    let asked = ask(data.path(), "echo", json!(1)).await;
    assert_eq!(asked.unwrap_err(), AskError::NotRunning);
}

#[tokio::test]
async fn a_body_is_whole_or_an_error() {
    let data = tempfile::tempdir().unwrap();
    let _control = Control::open(data.path(), echo()).unwrap();
    let count = async |how: &str| ask(data.path(), "count", json!(how)).await.unwrap();

    let reply = count("").await;
    assert_eq!(reply.value, json!({"pieces": 3}));
    let (bytes, said) = all(reply.body.unwrap()).await.unwrap();
    assert_eq!((bytes.len(), bytes[2999]), (3000, 2));
    assert_eq!(said, json!({"bytes": 3000}));

    let failed = all(count("fail").await.body.unwrap()).await.unwrap_err();
    assert_eq!(failed.to_string(), "the disk is full");
    let vanished = all(count("vanish").await.body.unwrap()).await.unwrap_err();
    assert!(vanished.to_string().contains("half-way"), "{vanished}");
}

#[tokio::test]
async fn only_its_owner_may_use_the_socket_and_a_left_over_one_is_replaced() {
    let data = tempfile::tempdir().unwrap();
    // As a killed process leaves it.
    drop(std::os::unix::net::UnixListener::bind(data.path().join(SOCKET_NAME)).unwrap());
    let asked = ask(data.path(), "echo", json!(1)).await;
    assert_eq!(asked.unwrap_err(), AskError::NotRunning);

    let _control = Control::open(data.path(), echo()).unwrap();
    let socket = std::fs::symlink_metadata(data.path().join(SOCKET_NAME)).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1);
    ask(data.path(), "echo", json!(1)).await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_none_is_answered_and_does_no_harm() {
    let data = tempfile::tempdir().unwrap();
    let _control = Control::open(data.path(), echo()).unwrap();
    let too_long = vec![b'x'; usize::try_from(REQUEST_MAX_BYTES).unwrap()];
    for sent in [&b"nonsense\n"[..], b"{}\n", b"[1]\n", b"\n", &too_long] {
        let mut stream = UnixStream::connect(data.path().join(SOCKET_NAME))
            .await
            .unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("{\"error\":{\"message\":"), "{answer}");
    }
    // One that says nothing takes a place, but not the last.
    let _silent = UnixStream::connect(data.path().join(SOCKET_NAME))
        .await
        .unwrap();
    ask(data.path(), "echo", json!(1)).await.unwrap();
}

#[tokio::test]
async fn a_data_directory_with_a_long_path_has_a_socket_too() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&data).unwrap();
    let control = Control::open(&data, echo()).unwrap();
    let reply = ask(&data, "echo", json!("far")).await.unwrap();
    assert_eq!(reply.value, json!("far"));
    control.close().await;
}
