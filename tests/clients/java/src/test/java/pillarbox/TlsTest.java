package pillarbox;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;

import javax.net.ssl.SSLContext;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultSaslConfig;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** TLS through the Java client: certificates that are right and wrong, logins by them, replacing them. */
@Timeout(60)
class TlsTest {
    private static Certificates right;
    private static Certificates foreign;
    private static Broker broker;

    @BeforeAll
    static void startBroker() throws Exception {
        right = Certificates.make();
        foreign = Certificates.make();
        broker = Broker.withTls(right.settingsFile());
    }

    @AfterAll
    static void stopBroker() throws InterruptedException {
        broker.close();
    }

    private static ConnectionFactory factory(Broker broker, SSLContext context) {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost("localhost");
        factory.setPort(broker.tlsPort);
        factory.useSslProtocol(context);
        factory.enableHostnameVerification();
        factory.setAutomaticRecoveryEnabled(false);
        return factory;
    }

    private static ConnectionFactory external(SSLContext context) {
        ConnectionFactory factory = factory(broker, context);
        factory.setSaslConfig(DefaultSaslConfig.EXTERNAL);
        return factory;
    }

    /** What went wrong first, all the way down. */
    private static String reasons(Throwable error) {
        return error == null ? "" : error + " " + reasons(error.getCause());
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void messagesOfEverySize(String version) throws Exception {
        ConnectionFactory factory = factory(broker, right.context(null));
        factory.setSocketConfigurator(
                socket -> ((javax.net.ssl.SSLSocket) socket).setEnabledProtocols(new String[] {version}));
        try (Connection connection = factory.newConnection()) {
            Channel channel = connection.createChannel();
            channel.confirmSelect();
            String queue = channel.queueDeclare().getQueue();
            for (int size : new int[] {0, 1, 5_000, 20_000, 200_000, 3_000_000}) {
                byte[] body = new byte[size];
                Arrays.fill(body, (byte) size);
                channel.basicPublish("", queue, null, body);
                channel.waitForConfirmsOrDie(30_000);
                assertArrayEquals(body, channel.basicGet(queue, true).getBody());
            }
        }
    }

    @Test
    void aCaThatTheClientDoesNotKnow() throws Exception {
        ConnectionFactory factory = factory(broker, foreign.context(null));
        Exception refused = assertThrows(IOException.class, factory::newConnection);
        assertTrue(reasons(refused).contains("PKIX path"), reasons(refused));
    }

    @ParameterizedTest
    @CsvSource({"--days, 0, validity check failed", "--host, elsewhere.example.org, No subject alternative DNS name"})
    void aBrokerWhoseCertificateIsWrong(String option, String value, String reason) throws Exception {
        Certificates wrong = Certificates.make(option, value);
        try (Broker other = Broker.withTls(wrong.settingsFile())) {
            ConnectionFactory factory = factory(other, wrong.context(null));
            Exception refused = assertThrows(IOException.class, factory::newConnection);
            assertTrue(reasons(refused).contains(reason), reasons(refused));
        }
    }

    @Test
    void aLoginByACertificate() throws Exception {
        try (Connection connection = external(right.context(right)).newConnection()) {
            Channel channel = connection.createChannel();
            String queue = channel.queueDeclare().getQueue();
            channel.basicPublish("", queue, new AMQP.BasicProperties.Builder().userId("anna").build(), new byte[1]);
            // A user id that is not the user's own would have closed the channel.
            channel.queueDeclarePassive(queue);
        }
    }

    @Test
    void noLoginByACertificateThatIsMissingForeignOrExpired() throws Exception {
        for (Certificates own : new Certificates[] {null, foreign, Certificates.make("--days", "0")}) {
            ConnectionFactory factory = external(right.context(own));
            assertThrows(IOException.class, factory::newConnection);
        }
    }

    @Test
    void aCertificateThatIsReplaced() throws Exception {
        Certificates first = Certificates.make();
        try (Broker other = Broker.withTls(first.settingsFile());
                Connection old = factory(other, first.context(null)).newConnection()) {
            first.replaceBy(foreign);
            other.hangUp();
            connectEventually(factory(other, foreign.context(null)));
            old.createChannel().queueDeclare();
        }
    }

    private static void connectEventually(ConnectionFactory factory) throws Exception {
        while (true) {
            try {
                factory.newConnection().close();
                return;
            } catch (IOException notYet) {
                // The test's timeout ends this if it lasts.
                Thread.sleep(50);
            }
        }
    }
}
