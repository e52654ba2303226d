# What is installed. The component "program" is the binary alone, for images; everything else needs
# files that an image's build does not have.
set(SYSTEMD_UNIT_DIR lib/systemd/system CACHE STRING "Folder of the units, below the prefix")

install(TARGETS redis_cluster_exporter RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
        COMPONENT program)
if(NOT EXISTS ${PROJECT_SOURCE_DIR}/packaging/reference.awk)
  return()
endif()

set(packaging ${PROJECT_SOURCE_DIR}/packaging)
set(made ${PROJECT_BINARY_DIR}/packaging)
set(share ${CMAKE_INSTALL_DATADIR}/redis_cluster_exporter)

# The man page and the completions follow --help, so they are made by the program that was built.
string(TIMESTAMP MAN_DATE "%Y-%m-%d" UTC) # of SOURCE_DATE_EPOCH, where it is set
configure_file(${packaging}/man/redis_cluster_exporter.1.in ${made}/man/template @ONLY)
configure_file(${packaging}/man/redis_cluster_exporter.yml.5.in ${made}/man/template.5 @ONLY)
configure_file(${packaging}/systemd/redis_cluster_exporter.service.in
               ${made}/redis_cluster_exporter.service @ONLY)
configure_file(${packaging}/etc/redis_cluster_exporter.default.in
               ${made}/redis_cluster_exporter.default @ONLY)
if(NOT CMAKE_CROSSCOMPILING)
  add_custom_command(
    OUTPUT ${made}/redis_cluster_exporter.1
    COMMAND sh ${packaging}/reference.sh $<TARGET_FILE:redis_cluster_exporter> ${made}
    DEPENDS redis_cluster_exporter ${packaging}/reference.sh ${packaging}/reference.awk
            ${packaging}/redis_cluster_exporter.yml ${made}/man/template ${made}/man/template.5
    VERBATIM)
  add_custom_target(reference ALL DEPENDS ${made}/redis_cluster_exporter.1)
  install(FILES ${made}/redis_cluster_exporter.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${made}/redis_cluster_exporter.yml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
  install(FILES ${made}/completion/redis_cluster_exporter
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${made}/completion/_redis_cluster_exporter
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${made}/completion/redis_cluster_exporter.fish
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

install(FILES ${made}/redis_cluster_exporter.service
              ${packaging}/systemd/redis_cluster_exporter.socket
        DESTINATION ${SYSTEMD_UNIT_DIR})
install(FILES ${made}/redis_cluster_exporter.default
        DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/default RENAME redis_cluster_exporter)
install(FILES ${packaging}/redis_cluster_exporter.yml
        DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/redis_cluster_exporter)

install(DIRECTORY dashboards/grafana dashboards/prometheus dashboards/runbooks DESTINATION ${share}
        PATTERN tests EXCLUDE)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs FILES_MATCHING PATTERN "*.md")
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(NOT DEBIAN_PACKAGE)
  install(FILES LICENSE CHANGELOG.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
endif()
