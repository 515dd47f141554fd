# cmake -DINPUT=file -DOUTPUT=file.cpp -DHEADER=header -DFUNCTION=name -P embed_text.cmake
# Writes a source file whose function returns the text of INPUT.
file(READ "${INPUT}" text)
file(WRITE "${OUTPUT}" "// Generated from ${INPUT}.
#include \"${HEADER}\"

namespace vigil::rules {

std::string_view ${FUNCTION}() {
  return R\"embedded(${text})embedded\";
}

}  // namespace vigil::rules
")
