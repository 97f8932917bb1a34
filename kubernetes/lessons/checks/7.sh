# A Service that leads to the primary and to no other pod.
must_exist service mysql-primary || return
must_lead_to mysql-primary mysql-0
must_have_ports mysql-primary 3306 3306
is_done "mysql-primary leads to mysql-0 alone"
