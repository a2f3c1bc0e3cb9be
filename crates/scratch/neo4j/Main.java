import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** {@code Main HOME}: a server on HOME that says "ready" and stays; HOME/password is the password of its user neo4j. */
public class Main {
    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]);
        var server = new DatabaseManagementServiceBuilder(home).loadPropertiesFromFile(home.resolve("conf/neo4j.conf")).build();
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdown));
        Path done = home.resolve("password-is-set");
        if (!Files.exists(done)) {
            String password = Files.readString(home.resolve("password")).strip();
            server.database("system").executeTransactionally(
                    "ALTER USER neo4j SET PASSWORD $password CHANGE NOT REQUIRED", Map.of("password", password));
            Files.createFile(done);
        }
        System.out.println("ready");
        Thread.currentThread().join();
    }
}
