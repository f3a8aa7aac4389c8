package pillarbox;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Certificates for a broker and the client {@code anna}, as {@code pillarbox tls self-signed} makes them. */
final class Certificates {
    private static final String USERS =
            """


            [[users]]
            name = "guest"
            password = "guest"
            permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
            [[users]]
            name = "anna"
            password = ""
            permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
            """;

    private final Path folder;
    private final String settings;

    private Certificates(Path folder, String settings) {
        this.folder = folder;
        this.settings = settings;
    }

    static Certificates make(String... options) throws IOException {
        Path folder = Files.createTempDirectory("pillarbox-tls");
        List<String> command = new ArrayList<>(
                List.of(Broker.pillarbox(), "tls", "self-signed", "--client", "anna", "--dir", folder.toString()));
        command.addAll(List.of(options));
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String printed = new String(process.getInputStream().readAllBytes());
        return new Certificates(folder, printed.split("\n\n")[0]);
    }

    /** Settings for a broker with these, on a free port. */
    Path settingsFile() throws IOException {
        Path file = folder.resolve("broker.toml");
        Files.writeString(file, settings.replace("127.0.0.1:5671", "127.0.0.1:0") + USERS);
        return file;
    }

    /** What a client trusts that knows this CA, and what it shows if it has a certificate of {@code own}. */
    SSLContext context(Certificates own) throws IOException, GeneralSecurityException {
        KeyStore trusted = emptyStore();
        trusted.setCertificateEntry("ca", certificate("ca.pem"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        KeyStore shown = emptyStore();
        if (own != null) {
            Certificate[] chain = {own.certificate("client-anna.pem")};
            shown.setKeyEntry("anna", own.key("client-anna-key.pem"), new char[0], chain);
        }
        keys.init(shown, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    /** Puts another broker's certificate in the place of this one's. */
    void replaceBy(Certificates other) throws IOException {
        for (String file : List.of("server.pem", "server-key.pem")) {
            Files.copy(other.folder.resolve(file), folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static KeyStore emptyStore() throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    private Certificate certificate(String file) throws IOException, GeneralSecurityException {
        try (InputStream stream = Files.newInputStream(folder.resolve(file))) {
            return CertificateFactory.getInstance("X.509").generateCertificate(stream);
        }
    }

    private PrivateKey key(String file) throws IOException, GeneralSecurityException {
        String base64 = Files.readString(folder.resolve(file)).replaceAll("-----[A-Z ]+-----|\\s", "");
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getDecoder().decode(base64));
        return KeyFactory.getInstance("EC").generatePrivate(spec);
    }
}
