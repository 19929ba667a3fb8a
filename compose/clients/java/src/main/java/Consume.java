import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import skillstream.v1.SkillMention;
import skillstream.v1.SkillRecord;

/** Prints each ad's surest skills, as records arrive: Consume BOOTSTRAP [TOPIC [GROUP]]. */
public final class Consume {
    /** Protobuf bytes without the header of Confluent's clients: 0, schema id (4), message indexes (varints, zigzag). */
    static ByteBuffer plain(byte[] value) {
        if (value.length < 6 || value[0] != 0) return ByteBuffer.wrap(value); // no field of a message has tag 0
        int header = 6 + (value[5] >> 1);                                       // an index below 64 takes one byte
        return ByteBuffer.wrap(value, header, value.length - header);
    }

    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", args[0],
            "group.id", args.length > 2 ? args[2] : "example-java",
            "isolation.level", "read_committed", // only committed records: each ad once
            "auto.offset.reset", "earliest",
            "enable.auto.commit", false);
        var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            consumer.wakeup();
            try { main.join(5000); } catch (InterruptedException e) { Thread.currentThread().interrupt(); }
        }));
        try (consumer) {
            consumer.subscribe(List.of(args.length > 1 ? args[1] : "skill-records"));
            while (true) {
                for (var message : consumer.poll(Duration.ofMillis(500))) {
                    SkillRecord record = SkillRecord.parseFrom(plain(message.value()));
                    String skills = record.getMentionsList().stream()
                        .sorted(Comparator.comparing(SkillMention::getProbability).reversed()).limit(3)
                        .map(m -> String.format(Locale.ROOT, "%s %.2f", m.getLabel(), m.getProbability()))
                        .collect(Collectors.joining(", "));
                    System.out.println(record.getAdId() + "\t" + record.getTitle() + "\t" + skills);
                }
                consumer.commitSync(); // after the work: at least once
            }
        } catch (WakeupException e) {
            // asked to stop
        }
    }
}
