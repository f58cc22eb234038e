//! Opens a port without blocking a thread, and without an async runtime: any executor will do.
//!
//! `cargo run --example async_open [GATEWAY]`, where GATEWAY is an address such as 192.168.1.1 or
//! 127.0.0.1:40001; without one, the network is searched.

use portcullis::{Client, Config, MappingRequest, Protocol};
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

fn main() -> Result<(), Box<dyn Error>> {
    block_on(open())
}

async fn open() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new();
    if let Some(gateway) = std::env::args().nth(1) {
        config = config.gateway(gateway.parse::<portcullis::GatewayAddress>()?);
    }
    let client = Client::with_config(config)?;

    let port = NonZeroU16::new(7777).ok_or("not a port")?;
    let mapping = client.map(MappingRequest::new(Protocol::Udp, port)).await?;
    writeln!(io::stdout(), "open: UDP port {}", mapping.external_port())?;
    mapping.close().await?;
    Ok(())
}

/// The smallest executor there is.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}
