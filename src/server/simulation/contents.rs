//! What of a node's definitions outlives its process, as lines that can be compared.

use super::Node;

impl Node {
    /// Every durable queue and exchange and every binding between such, one a line, in order.
    pub fn durable_definitions(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for vhost in &self.node.vhosts {
            let logged = vhost.queues.iter().filter(|queue| queue.logged.is_some());
            lines.extend(logged.map(|queue| format!("queue {}", queue.name)));
            for exchange in &vhost.exchanges {
                let source = &exchange.spec.name;
                if exchange.logged.is_some() {
                    lines.push(format!("exchange {source}"));
                }
                let bindings = exchange.logged_bindings.lock();
                lines.extend(bindings.keys().map(|binding| {
                    let key = String::from_utf8_lossy(&binding.key);
                    format!("binding {source} -{key}-> {}", binding.destination.name())
                }));
            }
        }
        lines.sort_unstable();
        lines
    }
}
