//! One connection, and what it carries.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

use super::faults::{Faults, Line, Loss};

/// Bytes carried at a time.
const PIECE_BYTES: usize = 16 << 10;

/// The answer of this connection that is to be lost.
type Claim = Mutex<Option<Loss>>;

/// Carries bytes between a client and the server, until both have said all or something breaks.
/// A connection that breaks at one end is reset at the other. `resets` changes when it is to be broken.
pub(super) async fn carry(
    mut client: TcpStream,
    faults: Arc<Faults>,
    mut resets: watch::Receiver<u64>,
) {
    let Ok(mut server) = TcpStream::connect(faults.server()).await else {
        return reset(client);
    };
    // Small pieces arrive as they were sent.
    let whole = client.set_nodelay(true).is_ok() && server.set_nodelay(true).is_ok() && {
        let claim = Claim::default();
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::try_join!(
                carry_requests(from_client, to_server, &faults, &claim),
                carry_answers(from_server, to_client, &faults, &claim),
            )
        };
        tokio::select! {
            done = both => done.is_ok(),
            _ = resets.changed() => false,
        }
    };
    if !whole {
        reset(client);
        reset(server);
    }
}

async fn carry_requests(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    faults: &Faults,
    claim: &Claim,
) -> io::Result<()> {
    let mut line = faults.line();
    let mut piece = vec![0; PIECE_BYTES];
    let mut is_first = true;
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        if let Some(loss) = faults.loss_of_answer_to(&piece[..length]) {
            *claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(loss);
        }
        pass(&mut line).await;
        to.write_all(&piece[..length]).await?;
        if std::mem::take(&mut is_first) {
            faults.count_request();
        }
    }
}

async fn carry_answers(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    faults: &Faults,
    claim: &Claim,
) -> io::Result<()> {
    let mut line = faults.line();
    let mut piece = vec![0; PIECE_BYTES];
    let mut kept_bytes = None;
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        pass(&mut line).await;
        if kept_bytes.is_none() {
            let claimed = claim.lock().unwrap_or_else(PoisonError::into_inner).take();
            let loss = claimed.or_else(|| faults.loss_of_any_answer());
            kept_bytes = loss.map(|loss| loss.kept_bytes);
        }
        match &mut kept_bytes {
            Some(kept) if *kept < length => {
                to.write_all(&piece[..*kept]).await?;
                faults.count_loss();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(kept) => *kept -= length,
            None => {}
        }
        to.write_all(&piece[..length]).await?;
    }
}

/// Waits for as long as a piece takes on this line.
async fn pass(line: &mut watch::Receiver<Line>) {
    let delay = line.borrow().delay;
    if !delay.is_zero() {
        sleep(delay).await;
    }
    // The line goes with the relay, and nothing is carried any more.
    let _ = line.wait_for(|line| line.carries).await;
}

/// Closes with RST.
fn reset(stream: TcpStream) {
    // A connection that is closed already needs none.
    let _ = stream.set_zero_linger();
}
