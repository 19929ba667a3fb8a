# Writes OUT, a C file that holds the prompt templates FILES (separated by commas) as strings; run by the build.
string(REPLACE "," ";" files "${FILES}")
set(text "/* Made by producer/embed_prompts.cmake from producer/prompts. */\n#include \"producer/prompts.h\"\n\nconst ss_prompt_file ss_prompt_files[] = {\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${hex}")
  # A string of one piece per 32 bytes: a hex escape must not run into the next letter, and lines stay short.
  string(REGEX REPLACE "((\\\\x..)(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?(\\\\x..)?)" "\\1\"\n     \"" bytes "${bytes}")
  string(APPEND text "    {\"${name}\",\n     \"${bytes}\"},\n")
endforeach()
string(APPEND text "    {0}};\n")
file(WRITE ${OUT} "${text}")
