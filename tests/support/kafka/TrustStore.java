// TrustStore.java - the system's certificate authorities as a Java trust store: java TrustStore.java CA-BUNDLE.pem OUT.jks
// Java keeps a list of its own; on a machine whose administrator added an authority to the system's bundle only, Maven
// could not reach its repository. Nothing is trusted that the system does not trust.
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;

public class TrustStore {
    public static void main(String[] args) throws Exception {
        KeyStore store = KeyStore.getInstance("JKS");
        store.load(null, null);
        int number = 0;
        try (FileInputStream in = new FileInputStream(args[0])) {
            for (Certificate authority : CertificateFactory.getInstance("X.509").generateCertificates(in))
                store.setCertificateEntry("ca-" + number++, authority);
        }
        try (FileOutputStream out = new FileOutputStream(args[1])) {
            store.store(out, "changeit".toCharArray());
        }
    }
}
