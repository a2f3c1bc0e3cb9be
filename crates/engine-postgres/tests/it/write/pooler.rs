//! Something in between that is not a direct connection.

use std::sync::Arc;

use backstay_engine_postgres::dsn::resolve_here;
use backstay_engine_postgres::write::{Gate, PostgresWriter};
use backstay_model::ValueSource;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::bed::*;

/// Listens and hands connections on to `port`, without their startup parameter `options`, as poolers
/// do.
async fn forgetful(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, port));
        }
    });
    own
}

async fn pass(mut client: TcpStream, port: u16) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    loop {
        let length = client.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        client.read_exact(&mut body).await?;
        // a request for encryption comes first, and is not for us
        if body.len() == 4 {
            client.write_all(b"N").await?;
            continue;
        }
        let (version, parameters) = body.split_at(4);
        let words: Vec<&[u8]> = parameters.split(|b| *b == 0).collect();
        let mut kept = version.to_vec();
        for pair in words
            .chunks(2)
            .filter(|p| p.len() == 2 && !p[0].is_empty() && p[0] != b"options")
        {
            for word in pair {
                kept.extend_from_slice(word);
                kept.push(0);
            }
        }
        kept.push(0);
        server
            .write_u32(u32::try_from(kept.len()).unwrap() + 4)
            .await?;
        server.write_all(&kept).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
}

#[tokio::test]
async fn a_pooler_in_between_is_refused() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    change(
        &server,
        &["ALTER SYSTEM SET work_mem = '64kB'"],
        ("work_mem", "64kB"),
    )
    .await;
    let port = forgetful(server.port()).await;
    let dsn = resolve_here(Some(&format!(
        "postgresql://postgres@127.0.0.1:{port}/postgres"
    )))
    .unwrap();
    let mut writer = PostgresWriter::new(&dsn, redactor(), Arc::new(|| Gate::Open)).unwrap();
    assert!(
        writer
            .hold()
            .await
            .unwrap_err()
            .to_string()
            .contains("control connection")
    );
    let back = step("work_mem", "64kB", None, ("4096", ValueSource::Default));
    let why = refusal(apply(&mut writer, vec![back]).await);
    assert!(why.contains("pooler"), "{why}");
    assert_eq!(our_statements(&server), 0);
}
