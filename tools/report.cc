// Errors for the person at the terminal.
#include <iostream>

#include "tools/commands.h"
#include "tools/terminal.h"

namespace anymetal::tools {

int report(const Error& error) {
  std::cerr << coloured(Colour::red, "anymetal:", 2) << ' ' << error.text() << std::endl;
  if (error.kind == ErrorKind::environment) return kMachineLacks;
  return error.kind == ErrorKind::internal ? kOurFault : kWrongInput;
}

}  // namespace anymetal::tools
