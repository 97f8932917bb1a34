# A Service with an address for the web pods, at port 80.
must_exist service lesson-6-web || return
must_have_an_address lesson-6-web
must_lead_to lesson-6-web "$(pods lesson=6,part=web)"
must_have_ports lesson-6-web 80 8080
is_done "lesson-6-web has the address $(field service lesson-6-web .spec.clusterIP), and leads to $(pods_behind lesson-6-web)"
