# Writes OUT, a C file that holds the FILES (separated by commas) byte for byte; run by the build. Arrays of numbers,
# because C17 promises strings of 4,095 characters only.
string(REPLACE "," ";" files "${FILES}")
set(arrays "")
set(list "")
set(number 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(SIZE ${file} size)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)?(0x..,)?(0x..,)?(0x..,)?(0x..,)?(0x..,)?(0x..,)?)" "\\1\n    " bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {\n    ${bytes}0};\n\n")
  string(APPEND list "    {\"${name}\", file_${number}, ${size}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "/* Made by worker/cli/embed_files.cmake. */\n#include \"worker/cli/inspect_files.h\"\n\n"
  "${arrays}const ss_inspect_file ss_inspect_files[] = {\n${list}    {0}};\n")
