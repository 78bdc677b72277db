//! The listener and the WebSocket of the server, with an echo behind them instead of the switch. Prints where it listens.

use std::error::Error;
use std::io::Write as _;

use msr_server::admission::Admission;
use msr_server::conformance;
use msr_server::listener::{Connections, bind};
use msr_server::phase::Phases;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = bind(([127, 0, 0, 1], 0).into())?;
    writeln!(std::io::stdout(), "listening on ws://{}/", listener.local_addr()?)?;
    let (_phase, phases) = Phases::new();
    let (alive, _all_gone) = tokio::sync::mpsc::channel(1);
    let admission = Admission::new(None, None);
    Connections { router: conformance::router(), admission, tls: None, phases, alive }.accept(listener).await;
    Ok(())
}
