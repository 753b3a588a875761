// Sends bodies that are refused early, each followed by a request that is not: URL TYPE SIZE ROUNDS KEY.
// Prints the two statuses of each round.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Arrays;

class Client {
    static final HttpClient CLIENT =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    static void put(String url, byte[] body, String type, String key) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url + "/items/java"))
            .header("Content-Type", type)
            .PUT(BodyPublishers.ofByteArray(body));
        if (key != null) {
            request.header("Authorization", "Bearer " + key);
        }
        System.out.println(CLIENT.send(request.build(), BodyHandlers.ofString()).statusCode());
    }

    public static void main(String[] arguments) throws Exception {
        var url = arguments[0];
        var withKey = !arguments[1].equals("without-key");
        var type = withKey ? arguments[1] : "application/json";
        var key = arguments[4];
        var body = new byte[Integer.parseInt(arguments[2])];
        Arrays.fill(body, (byte) ' ');
        for (int round = 0; round < Integer.parseInt(arguments[3]); round++) {
            put(url, body, type, withKey ? key : null);
            put(url, "{}".getBytes(), "application/json", key);
        }
    }
}
