// What kind of device runs kernels.
#pragma once

namespace anymetal::kernels {

/// Whether threads of a threadgroup are lanes and turns of one processor's thread, as under
/// anymetal on a CPU: then a threadgroup gains nothing by being large, and loses registers.
bool runs_on_processor();

}  // namespace anymetal::kernels
