// Other Python threads run while this one computes.
#pragma once

#include <Python.h>
#include <cxxabi.h>
#include <unistd.h>

namespace anymetal::python {

/// nanobind's gil_scoped_release, but for daemon threads that come back when the interpreter ends:
/// CPython before 3.14 ends such a thread by unwinding C++ frames that mayn't be left so, which
/// aborts the process. Here it waits for the process to end, as with CPython 3.14.
class Unlocked {
 public:
  Unlocked() : state_(PyEval_SaveThread()) {}
  ~Unlocked() {
    try {
      PyEval_RestoreThread(state_);
    } catch (abi::__forced_unwind&) {
      for (;;) ::pause();
    }
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace anymetal::python
