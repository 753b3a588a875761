//! The relay loses what it is told to lose, and nothing else.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use testbed::Relay;

/// Answers every piece with itself in capitals, and tells what it got.
fn echo() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it has one");
    let (sender, got) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || serve(stream, &sender));
        }
    });
    (address, got)
}

fn serve(mut stream: TcpStream, got: &mpsc::Sender<String>) {
    let mut piece = [0; 100];
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        let text = String::from_utf8_lossy(&piece[..length]).into_owned();
        let answer = text.to_uppercase();
        if got.send(text).is_err() || stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn connect(relay: &Relay) -> TcpStream {
    let stream = TcpStream::connect(relay.address()).expect("the relay accepts");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it can be set");
    stream
}

/// Reads until there are `length` bytes or the connection ends.
fn read(stream: &mut TcpStream, length: usize) -> (String, io::Result<()>) {
    let (mut text, mut byte) = (Vec::new(), [0]);
    let mut end = Ok(());
    while text.len() < length && end.is_ok() {
        match stream.read(&mut byte) {
            Ok(0) => end = Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => text.push(byte[0]),
            Err(error) => end = Err(error),
        }
    }
    (String::from_utf8(text).expect("it is ASCII"), end)
}

fn ask(stream: &mut TcpStream, text: &str) -> (String, io::Result<()>) {
    stream.write_all(text.as_bytes()).expect("it can be written");
    read(stream, text.len())
}

#[track_caller]
fn answered(stream: &mut TcpStream, text: &str) {
    let (answer, end) = ask(stream, text);
    assert!(end.is_ok(), "{end:?}");
    assert_eq!(answer, text.to_uppercase());
}

#[track_caller]
fn was_reset(end: io::Result<()>) {
    assert_eq!(end.expect_err("it has ended").kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_lost_answer_is_one_to_a_request_that_was_served() {
    let (server, got) = echo();
    let relay = Relay::start(server);
    let (mut one, mut two) = (connect(&relay), connect(&relay));
    answered(&mut one, "before");
    relay.lose_answer_to("commit");
    answered(&mut one, "insert");
    answered(&mut two, "insert");
    assert_eq!(relay.lost(), 0);
    let (answer, end) = ask(&mut two, "then commit");
    assert_eq!(answer, "");
    was_reset(end);
    assert_eq!(relay.lost(), 1);
    assert_eq!(got.iter().take(4).last().as_deref(), Some("then commit"));
    // The others are not touched, and it happens once.
    answered(&mut one, "commit");
    relay.lose_next_answer();
    was_reset(ask(&mut one, "again").1);
    answered(&mut connect(&relay), "after");
}

#[test]
fn an_answer_is_cut_where_it_is_told() {
    let (server, _got) = echo();
    let relay = Relay::start(server);
    let mut stream = connect(&relay);
    relay.cut_next_answer(3);
    let (answer, end) = ask(&mut stream, "answer");
    assert_eq!(answer, "ANS");
    was_reset(end);
    // A healed relay has forgotten what it was to cut.
    relay.cut_next_answer(3);
    relay.heal();
    answered(&mut connect(&relay), "answer");
    assert_eq!(relay.lost(), 1);
}

#[test]
fn all_connections_are_reset_and_new_ones_are_not() {
    let (server, _got) = echo();
    let relay = Relay::start(server);
    let mut streams: Vec<_> = (0..5).map(|_| connect(&relay)).collect();
    streams.iter_mut().for_each(|stream| answered(stream, "hello"));
    relay.reset_connections();
    streams.iter_mut().for_each(|stream| was_reset(read(stream, 1).1));
    answered(&mut connect(&relay), "hello");
}

#[test]
fn connections_are_refused_until_they_are_accepted() {
    let (server, _got) = echo();
    let relay = Relay::start(server);
    let mut open = connect(&relay);
    answered(&mut open, "hello");
    relay.refuse();
    let refused = TcpStream::connect(relay.address()).expect_err("it is refused");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    answered(&mut open, "still there");
    relay.accept();
    answered(&mut connect(&relay), "hello");
}

#[test]
fn a_black_hole_gives_back_what_it_took() {
    let (server, got) = echo();
    let relay = Relay::start(server);
    let mut stream = connect(&relay);
    answered(&mut stream, "before");
    relay.black_hole();
    stream.write_all(b"within").expect("it can be written");
    assert_eq!(got.recv().as_deref(), Ok("before"));
    // Nothing comes; how long to wait for nothing is a matter of taste.
    let nothing = got.recv_timeout(Duration::from_millis(200));
    assert_eq!(nothing, Err(mpsc::RecvTimeoutError::Timeout));
    relay.heal();
    assert_eq!(read(&mut stream, 6).0, "WITHIN");
}

#[test]
fn a_delay_comes_twice_on_the_way_there_and_back() {
    let (server, _got) = echo();
    let relay = Relay::start(server);
    let mut stream = connect(&relay);
    relay.delay(Duration::from_millis(50));
    let asked = Instant::now();
    answered(&mut stream, "hello");
    assert!(asked.elapsed() >= Duration::from_millis(100), "{:?}", asked.elapsed());
}

#[test]
fn both_sides_may_say_that_they_are_done_and_the_server_may_move() {
    let (server, _got) = echo();
    let unused = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let relay = Relay::start(unused);
    was_reset(read(&mut connect(&relay), 1).1);
    relay.lead_to(server);
    let mut stream = connect(&relay);
    answered(&mut stream, "hello");
    stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    assert_eq!(stream.read(&mut [0]).expect("an orderly end"), 0);
}
