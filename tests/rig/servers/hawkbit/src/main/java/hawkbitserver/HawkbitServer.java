// SPDX-License-Identifier: LGPL-2.1-or-later
package hawkbitserver;

import org.eclipse.hawkbit.autoconfigure.security.EnableHawkbitManagedSecurityConfiguration;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.method.configuration.EnableGlobalMethodSecurity;

/** hawkBit's Direct Device Integration API and Management API in one process. */
@SpringBootApplication
@EnableHawkbitManagedSecurityConfiguration
public class HawkbitServer {
    public static void main(String[] args) {
        SpringApplication.run(HawkbitServer.class, args);
    }

    /** Checks permissions, which in hawkBit's own server the UI turns on. */
    @Configuration
    @EnableGlobalMethodSecurity(prePostEnabled = true, securedEnabled = true, proxyTargetClass = true)
    static class Permissions {
    }
}
