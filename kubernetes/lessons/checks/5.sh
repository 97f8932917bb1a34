# A Service for all MySQL pods that remembers a client for ten minutes.
must_exist service mysql-sticky || return
must_have_an_address mysql-sticky
must_lead_to mysql-sticky "$(pods_behind mysql-read)"
must_have_ports mysql-sticky 3306 3306
must_be service mysql-sticky .spec.sessionAffinity ClientIP
must_be service mysql-sticky .spec.sessionAffinityConfig.clientIP.timeoutSeconds 600
is_done "mysql-sticky leads to $(pods_behind mysql-sticky), and remembers a client for 600 s"
