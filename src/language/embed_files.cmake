# Writes OUTPUT, a C++ file that holds the files of LIST (a text file, one NAME=PATH a line) as bytes of the program.
file(STRINGS ${LIST} entries)
set(assembly "")
set(externs "")
set(rows "")
set(index 0)
foreach(entry ${entries})
  string(FIND "${entry}" "=" at)
  string(SUBSTRING "${entry}" 0 ${at} name)
  math(EXPR at "${at} + 1")
  string(SUBSTRING "${entry}" ${at} -1 path)
  string(APPEND assembly "asm(\".section .rodata\\n.balign 16\\n.global ${PREFIX}_${index}\\n.hidden ${PREFIX}_${index}\\n"
    "${PREFIX}_${index}:\\n.incbin \\\"${path}\\\"\\n.global ${PREFIX}_${index}_end\\n.hidden ${PREFIX}_${index}_end\\n"
    "${PREFIX}_${index}_end:\\n.byte 0\\n.previous\\n\");\n")
  string(APPEND externs "extern \"C\" const char ${PREFIX}_${index}[], ${PREFIX}_${index}_end[];\n")
  string(APPEND rows "      {\"${name}\", {${PREFIX}_${index}, static_cast<size_t>(${PREFIX}_${index}_end - ${PREFIX}_${index})}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "// Written by embed_files.cmake.
#include \"language/standard_library.h\"

${assembly}
${externs}
namespace anymetal::language {

std::span<const LibraryFile> ${FUNCTION}() {
  static const LibraryFile files[] = {
${rows}  };
  return files;
}

}  // namespace anymetal::language
")
