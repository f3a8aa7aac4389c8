package pillarbox;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** The broker under test: the binary named by PILLARBOX_BIN, or with BROKER=rabbitmq a private RabbitMQ. */
final class Broker implements AutoCloseable {
    private static final Pattern LISTENING = Pattern.compile("listening on \\S+:(\\d+)");

    final int port;
    private final Process process;

    /** Returns once the broker listens; a {@code port} of 0 takes any free one. */
    Broker(int port) throws IOException {
        String data = Files.createTempDirectory("pillarbox-java").toString();
        ProcessBuilder builder =
                new ProcessBuilder(
                        program(), "--port", Integer.toString(port), "--management-port", "0", "--data-dir", data);
        process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        BufferedReader stdout = process.inputReader();
        this.port = listeningPort(stdout);
        // Read on, so that the broker never waits for a reader of its output.
        Thread reader = new Thread(() -> stdout.lines().forEach(line -> {}), "broker-output");
        reader.setDaemon(true);
        reader.start();
    }

    private static String program() {
        if ("rabbitmq".equals(System.getenv("BROKER"))) {
            return Path.of("../rabbitmq.sh").toAbsolutePath().toString();
        }
        String named = System.getenv("PILLARBOX_BIN");
        return named != null ? named : Path.of("../../../target/release/pillarbox").toAbsolutePath().toString();
    }

    private static int listeningPort(BufferedReader stdout) throws IOException {
        for (String line = stdout.readLine(); line != null; line = stdout.readLine()) {
            var matcher = LISTENING.matcher(line);
            if (matcher.find()) {
                return Integer.parseInt(matcher.group(1));
            }
        }
        throw new IOException(program() + " ended before it listened");
    }

    /** Ends the broker as an operator would. */
    @Override
    public void close() throws InterruptedException {
        process.destroy();
        process.waitFor();
    }
}
