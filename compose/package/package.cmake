# What is installed besides the programs, and the Debian package. Included after all targets are known.
#   cmake --install build --prefix /usr/local     bin/, share/{man,bash-completion,zsh,fish,doc,skillstream}
#   cpack --config build/CPackConfig.cmake        skillstream_VERSION_ARCH.deb
# No library is installed, hence no pkg-config file: the folders under common/ serve these programs, their interfaces change
# with them, and nobody outside is promised any. What others build upon are the messages: share/skillstream/proto.
include(GNUInstallDirs)

# Manual pages and completions are printed by the programs themselves, after they are linked.
set(pages ${CMAKE_BINARY_DIR}/pages)
set(page_files "")

# skillstream_page(FILE PROGRAM WORDS...): `PROGRAM WORDS...` prints FILE. A manual page is compressed.
function(skillstream_page file program)
  set(compress "")
  set(result ${pages}/${file})
  if(file MATCHES "\\.1$")
    set(compress COMMAND gzip -9nf ${pages}/${file})
    string(APPEND result .gz)
  endif()
  add_custom_command(OUTPUT ${result} COMMAND ${program} ${ARGN} > ${pages}/${file} ${compress} DEPENDS ${program}
                     VERBATIM)
  set(page_files ${page_files} ${result} PARENT_SCOPE)
endfunction()

file(MAKE_DIRECTORY ${pages}/man1 ${pages}/bash ${pages}/zsh ${pages}/fish)
skillstream_page(man1/skillstream.1 skillstream --help-man)
skillstream_page(reference.md skillstream reference)
skillstream_page(bash/skillstream skillstream completion bash)
skillstream_page(zsh/_skillstream skillstream completion zsh)
skillstream_page(fish/skillstream.fish skillstream completion fish)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/worker/cli/cmd_*.c)
foreach(source ${sources})
  file(STRINGS ${source} line REGEX "^const ss_subcommand [a-z_]+ = {\"[a-z-]+\"")
  if(line MATCHES "{\"([a-z-]+)\"")
    set(word ${CMAKE_MATCH_1})
    skillstream_page(man1/skillstream-${word}.1 skillstream ${word} --help-man)
  endif()
endforeach()
foreach(program skillstream-worker skillstream-trainer skillstream-producer)
  if(TARGET ${program})
    skillstream_page(man1/${program}.1 ${program} --help-man)
    skillstream_page(bash/${program} ${program} --help-bash)
    skillstream_page(zsh/_${program} ${program} --help-zsh)
    skillstream_page(fish/${program}.fish ${program} --help-fish)
  endif()
endforeach()
add_custom_target(pages ALL DEPENDS ${page_files})

set(SKILLSTREAM_MAINTAINER "skillstream maintainers <maintainers@skillstream.invalid>" CACHE STRING
    "Who answers for packages, NAME <ADDRESS>")
skillstream_git(SKILLSTREAM_DATE log -1 --format=%cD)
if(SKILLSTREAM_DATE STREQUAL "")
  string(TIMESTAMP SKILLSTREAM_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in ${pages}/changelog @ONLY)
execute_process(COMMAND gzip -9nf ${pages}/changelog)

install(DIRECTORY ${pages}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${pages}/bash/ DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY ${pages}/zsh/ DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(DIRECTORY ${pages}/fish/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${pages}/reference.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_CURRENT_LIST_DIR}/copyright ${pages}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/proto/skillstream DESTINATION ${CMAKE_INSTALL_DATADIR}/skillstream/proto
        FILES_MATCHING PATTERN *.proto)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/worker/train/recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/skillstream OPTIONAL)

set(CPACK_PACKAGE_NAME skillstream)
set(CPACK_PACKAGE_VERSION ${SKILLSTREAM_VERSION})
set(CPACK_PACKAGE_VENDOR skillstream)
set(CPACK_PACKAGE_CONTACT "${SKILLSTREAM_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "tags job ads from Kafka with ESCO skills, exactly once")
set(CPACK_PACKAGE_DESCRIPTION "Workers read job ads from a Kafka topic, split them into sentences,
embed each sentence with a BERT-family encoder, score it against a taxonomy
of skills, and publish one protobuf record per ad in the transaction that
commits the ad. With the operator's command line tool.")
set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS redis-server)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
