import java.nio.file.Path;
import java.util.List;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;

/** One node on loopback, from the registry's jars: the folder, and the ports of HTTP and of its transport. */
public final class OpenSearchNode extends Node {
    private OpenSearchNode(Environment environment, List<Class<? extends Plugin>> plugins) {
        super(environment, plugins, false);
    }

    public static void main(String[] arguments) throws Exception {
        Settings settings = Settings.builder()
            .put("path.home", arguments[0])
            .put("http.port", arguments[1])
            .put("transport.port", arguments[2])
            .put("node.name", "load")
            .put("network.host", "127.0.0.1")
            .put("discovery.type", "single-node")
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            .build();
        Environment environment = new Environment(settings, Path.of(arguments[0], "config"));
        new OpenSearchNode(environment, List.of(Netty4Plugin.class, CommonAnalysisPlugin.class)).start();
        Thread.currentThread().join();
    }
}
