# The Debian package: cmake -DDEBIAN_PACKAGE=ON, build, cpack -G DEB (scripts/release.sh does it).
if(NOT DEBIAN_PACKAGE)
  return()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME redis-cluster-exporter)
set(CPACK_PACKAGE_CONTACT "redis_cluster_exporter maintainers <maintainers@redis-cluster-exporter.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1 CACHE STRING "Revision of the package, of the same version")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE ${PROJECT_HOMEPAGE_URL})
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_PREDEPENDS "init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, redis-tools")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Finds every node of a cluster from one address, asks all of them at once, and
serves one page with each node's figures and with what no single node knows:
whether all slots are served, which nodes the cluster has given up, how far
each replica is behind.

Dashboards for Grafana, alert rules for Prometheus, and a runbook for each
alert are in /usr/share/redis_cluster_exporter.")

set(made ${PROJECT_BINARY_DIR}/packaging/debian)
string(TIMESTAMP CHANGELOG_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(${PROJECT_SOURCE_DIR}/packaging/debian/changelog.in ${made}/changelog.Debian @ONLY)
file(WRITE ${made}/conffiles "/etc/default/redis_cluster_exporter
/etc/redis_cluster_exporter/redis_cluster_exporter.yml
")
foreach(script postinst prerm postrm)
  configure_file(${PROJECT_SOURCE_DIR}/packaging/debian/${script} ${made}/${script} COPYONLY)
endforeach()
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${made}/conffiles ${made}/postinst ${made}/prerm
                                       ${made}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

install(FILES packaging/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME changelog)
install(FILES ${made}/changelog.Debian DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/debian/lintian-overrides DESTINATION share/lintian/overrides
        RENAME redis-cluster-exporter)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/CompressPackage.cmake)
include(CPack)
