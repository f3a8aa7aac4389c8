package pillarbox;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** The broker under test: the binary named by PILLARBOX_BIN, or with BROKER=rabbitmq a private RabbitMQ. */
final class Broker implements AutoCloseable {
    private static final Pattern LISTENING = Pattern.compile("listening on \\S+:(\\d+)");

    final int port;
    /** The port for TLS, or 0 if there is none. */
    final int tlsPort;
    private final Process process;

    /** Returns once the broker listens; a {@code port} of 0 takes any free one. */
    Broker(int port) throws IOException {
        this(false, program(), "--port", Integer.toString(port));
    }

    /** Starts Pillarbox, which alone has such a file, with settings that have it listen for TLS too. */
    static Broker withTls(Path settings) throws IOException {
        return new Broker(true, pillarbox(), "--port", "0", "--config", settings.toString());
    }

    private Broker(boolean hasTls, String... command) throws IOException {
        String data = Files.createTempDirectory("pillarbox-java").toString();
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.command().addAll(List.of("--management-port", "0", "--data-dir", data));
        process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        BufferedReader stdout = process.inputReader();
        port = listeningPort(stdout);
        tlsPort = hasTls ? listeningPort(stdout) : 0;
        // Read on, so that the broker never waits for a reader of its output.
        Thread reader = new Thread(() -> stdout.lines().forEach(line -> {}), "broker-output");
        reader.setDaemon(true);
        reader.start();
    }

    private static String program() {
        if ("rabbitmq".equals(System.getenv("BROKER"))) {
            return Path.of("../rabbitmq.sh").toAbsolutePath().toString();
        }
        return pillarbox();
    }

    /** Our binary. */
    static String pillarbox() {
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
        throw new IOException("the broker ended before it listened");
    }

    /** Has it read its certificates again. */
    void hangUp() throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-HUP", Long.toString(process.pid())).start().waitFor();
    }

    /** Ends the broker as an operator would. */
    @Override
    public void close() throws InterruptedException {
        process.destroy();
        process.waitFor();
    }
}
