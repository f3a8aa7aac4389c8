package pillarbox;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.RpcServer;
import com.rabbitmq.client.ShutdownSignalException;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What an application needs first of the Java client: publish, consume, confirm, call, recover. */
@Timeout(60)
class ClientTest {
    private static Broker broker;

    private Connection connection;
    private Channel channel;

    @BeforeAll
    static void startBroker() throws IOException {
        broker = new Broker(0);
    }

    @AfterAll
    static void stopBroker() throws InterruptedException {
        broker.close();
    }

    @BeforeEach
    void connect() throws Exception {
        connection = factory(broker).newConnection("java client tests");
        channel = connection.createChannel();
    }

    @AfterEach
    void disconnect() throws IOException {
        connection.close();
    }

    private static ConnectionFactory factory(Broker broker) {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setHost("127.0.0.1");
        factory.setPort(broker.port);
        factory.setNetworkRecoveryInterval(100);
        return factory;
    }

    private static String text(Delivery delivery) {
        return new String(delivery.getBody(), UTF_8);
    }

    private static Delivery next(BlockingQueue<Delivery> inbox) throws InterruptedException {
        Delivery delivery = inbox.poll(30, TimeUnit.SECONDS);
        assertNotNull(delivery, "no message came");
        return delivery;
    }

    @Test
    void publishesAndConsumesWithAllProperties() throws Exception {
        BlockingQueue<Delivery> inbox = new LinkedBlockingQueue<>();
        channel.exchangeDeclare("mail", "topic", true);
        String queue = channel.queueDeclare().getQueue();
        channel.queueBind(queue, "mail", "letter.#");
        channel.basicConsume(queue, true, (tag, delivery) -> inbox.add(delivery), tag -> {});

        byte[] body = new byte[1_000_000];
        for (int i = 0; i < body.length; i++) {
            body[i] = (byte) i;
        }
        var properties = new AMQP.BasicProperties.Builder()
            .contentType("application/octet-stream")
            .contentEncoding("identity")
            .headers(Map.of("number", 1L << 40, "flag", true, "list", List.of(1, 2), "bytes", new byte[] {0, 1}))
            .deliveryMode(2)
            .priority(3)
            .correlationId("c")
            .replyTo("r")
            .expiration("60000")
            .messageId("m")
            .timestamp(new Date(1_700_000_000_000L))
            .type("letter")
            .userId("guest")
            .appId("tests")
            .build();
        channel.basicPublish("mail", "letter.urgent.today", properties, body);

        Delivery delivery = next(inbox);
        assertArrayEquals(body, delivery.getBody());
        assertEquals("letter.urgent.today", delivery.getEnvelope().getRoutingKey());
        var headers = delivery.getProperties().getHeaders();
        assertEquals(1L << 40, headers.get("number"));
        assertEquals(true, headers.get("flag"));
        assertEquals(List.of(1, 2), headers.get("list"));
        assertArrayEquals(new byte[] {0, 1}, (byte[]) headers.get("bytes"));
        assertEquals(
            properties.builder().headers(null).build(),
            delivery.getProperties().builder().headers(null).build());
    }

    @Test
    void confirmsEveryMessageAndReturnsTheUnroutableFirst() throws Exception {
        String queue = channel.queueDeclare().getQueue();
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        channel.addReturnListener(returned -> events.add("returned " + returned.getReplyText()));
        channel.addConfirmListener((tag, multiple) -> events.add("confirmed"), (tag, multiple) -> events.add("refused"));
        channel.confirmSelect();
        channel.basicPublish("", "nobody", true, null, "?".getBytes(UTF_8));
        channel.waitForConfirmsOrDie(30_000);
        assertEquals(List.of("returned NO_ROUTE", "confirmed"), events);

        for (int i = 0; i < 10_000; i++) {
            channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, Integer.toString(i).getBytes(UTF_8));
        }
        assertTrue(channel.waitForConfirms(30_000));
        assertFalse(events.contains("refused"));
        assertEquals(10_000, channel.messageCount(queue));
    }

    @Test
    void redeliversWhatWasNotAcked() throws Exception {
        channel.queueDeclare("tasks", true, false, false, Map.of("x-queue-type", "quorum"));
        channel.basicPublish("", "tasks", MessageProperties.PERSISTENT_TEXT_PLAIN, "task".getBytes(UTF_8));

        BlockingQueue<Delivery> inbox = new LinkedBlockingQueue<>();
        Channel leaving = connection.createChannel();
        leaving.basicQos(1);
        leaving.basicConsume("tasks", false, (tag, delivery) -> inbox.add(delivery), tag -> {});
        assertFalse(next(inbox).getEnvelope().isRedeliver());
        leaving.close();

        channel.basicQos(1);
        channel.basicConsume("tasks", false, (tag, delivery) -> inbox.add(delivery), tag -> {});
        Delivery again = next(inbox);
        assertTrue(again.getEnvelope().isRedeliver());
        assertEquals("task", text(again));
        channel.basicAck(again.getEnvelope().getDeliveryTag(), false);
    }

    @Test
    void callsOverDirectReplyTo() throws Exception {
        channel.queueDeclare("shout", false, false, true, null);
        RpcServer server = new RpcServer(channel, "shout") {
            @Override
            public byte[] handleCall(Delivery request, AMQP.BasicProperties reply) {
                return text(request).toUpperCase().getBytes(UTF_8);
            }
        };
        Thread serving = new Thread(() -> {
            try {
                server.mainloop();
            } catch (IOException | ShutdownSignalException closed) {
                // The connection closes at the end of the test.
            }
        });
        serving.setDaemon(true);
        serving.start();
        var params = new RpcClientParams().channel(connection.createChannel()).exchange("").routingKey("shout");
        try (RpcClient client = new RpcClient(params.timeout(30_000))) {
            assertEquals("HELLO", client.stringCall("hello"));
            assertEquals("AGAIN", client.stringCall("again"));
        }
    }

    @Test
    void committedMessagesAppearTogether() throws Exception {
        String queue = channel.queueDeclare().getQueue();
        channel.txSelect();
        channel.basicPublish("", queue, null, "rolled back".getBytes(UTF_8));
        channel.txRollback();
        channel.basicPublish("", queue, null, "committed".getBytes(UTF_8));
        Channel other = connection.createChannel();
        assertEquals(0, other.messageCount(queue));
        channel.txCommit();
        assertEquals("committed", new String(other.basicGet(queue, true).getBody(), UTF_8));
    }

    @Test
    void refusalsSayWhy() throws Exception {
        IOException refused = assertThrows(IOException.class, () -> channel.queueDeclarePassive("missing"));
        var cause = assertInstanceOf(ShutdownSignalException.class, refused.getCause());
        var close = assertInstanceOf(AMQP.Channel.Close.class, cause.getReason());
        assertEquals(404, close.getReplyCode());
        assertEquals("NOT_FOUND - no queue 'missing' in vhost '/'", close.getReplyText());
        assertTrue(connection.isOpen());

        ConnectionFactory wrongPassword = factory(broker);
        wrongPassword.setPassword("wrong");
        assertThrows(AuthenticationFailureException.class, wrongPassword::newConnection);
    }

    @Test
    void recoversConnectionTopologyAndConsumerAfterARestart() throws Exception {
        Broker running = new Broker(0);
        BlockingQueue<Delivery> inbox = new LinkedBlockingQueue<>();
        CountDownLatch recovered = new CountDownLatch(1);
        try (Connection recovering = factory(running).newConnection()) {
            ((Recoverable) recovering).addRecoveryListener(new RecoveryListener() {
                @Override
                public void handleRecovery(Recoverable recoverable) {
                    recovered.countDown();
                }

                @Override
                public void handleRecoveryStarted(Recoverable recoverable) {}
            });
            Channel publishing = recovering.createChannel();
            publishing.exchangeDeclare("letters", "fanout", true);
            String queue = publishing.queueDeclare().getQueue(); // Server-named: comes back under a new name.
            publishing.queueBind(queue, "letters", "");
            publishing.basicConsume(queue, true, (tag, delivery) -> inbox.add(delivery), tag -> {});
            publishing.confirmSelect();
            publishing.basicPublish("letters", "", null, "before".getBytes(UTF_8));
            assertEquals("before", text(next(inbox)));

            running.close();
            running = new Broker(running.port);
            assertTrue(recovered.await(30, TimeUnit.SECONDS), "the connection did not recover");
            publishing.basicPublish("letters", "", null, "after".getBytes(UTF_8));
            publishing.waitForConfirmsOrDie(30_000);
            assertEquals("after", text(next(inbox)));
        } finally {
            running.close();
        }
    }
}
