/* The C core of anymetal: opaque, reference-counted handles. The metal-cpp headers
   (Metal/Metal.hpp) stand on it; other languages can too.

   Rules for every function:
   - A function whose name has `new`, `copy` or `retain` gives the caller a reference, which
   `am_release` gives back; others lend a pointer that lives as long as the object it came from.
   - Null handles are harmless: the call does nothing and gives 0, false or null.
   - Functions that can fail take `am_error** error`, which may be null. On failure the result is
   null or false and *error is a new reference; on success *error isn't touched.
   - All functions are thread-safe, but for an encoder and a command buffer that isn't committed,
   which belong to one thread at a time.
   - Text is UTF-8 and ends with a zero byte; sizes are in bytes unless they say threads. */
#ifndef ANYMETAL_CORE_H
#define ANYMETAL_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AM_API __attribute__((visibility("default")))
#else
#define AM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct am_argument_encoder am_argument_encoder;
typedef struct am_array am_array;
typedef struct am_buffer am_buffer;
typedef struct am_command_buffer am_command_buffer;
typedef struct am_compile_options am_compile_options;
typedef struct am_constant_values am_constant_values;
typedef struct am_device am_device;
typedef struct am_encoder am_encoder;
typedef struct am_error am_error;
typedef struct am_event am_event;
typedef struct am_fence am_fence;
typedef struct am_function am_function;
typedef struct am_function_descriptor am_function_descriptor;
typedef struct am_library am_library;
typedef struct am_pipeline am_pipeline;
typedef struct am_pipeline_descriptor am_pipeline_descriptor;
typedef struct am_pool am_pool;
typedef struct am_queue am_queue;
typedef struct am_sampler am_sampler;
typedef struct am_sampler_descriptor am_sampler_descriptor;
typedef struct am_string am_string;
typedef struct am_texture am_texture;
typedef struct am_texture_descriptor am_texture_descriptor;

/* Threads, or threadgroups. Wide and unsigned as in Metal: too large sizes are errors that name
 * them. */
typedef struct am_size {
  uint64_t width, height, depth;
} am_size;

/* ---- Objects: any handle above ---- */
AM_API void* am_retain(void* object); /* gives `object` */
AM_API void am_release(void* object);
AM_API uint64_t am_retain_count(const void* object);
/* Releases when the innermost pool of this thread goes; without a pool, never. Gives `object`. */
AM_API void* am_autorelease(void* object);
/* Pools of one thread end in the reverse order of their beginning; releasing an outer one ends the
 * inner ones. */
AM_API am_pool* am_pool_new(void);
/* The name that people and tools see; null: none. */
AM_API void am_set_label(void* object, const char* label);
AM_API const char* am_label(const void* object); /* "" where there is none */

/* ---- Text, lists, errors ---- */
AM_API am_string* am_string_new(const char* text);
AM_API am_string* am_string_new_with_length(const char* text, size_t bytes);
AM_API const char* am_string_text(const am_string* string);
AM_API size_t am_string_bytes(const am_string* string);

AM_API am_array* am_array_new(const void* const* objects,
                              size_t count); /* keeps a reference to each */
AM_API size_t am_array_count(const am_array* array);
AM_API void* am_array_at(const am_array* array, size_t index); /* null behind the end */

/* What is to blame. */
typedef enum am_error_kind {
  AM_ERROR_USER = 1,        /* text, arguments, sizes */
  AM_ERROR_UNSUPPORTED = 2, /* legal Metal that isn't supported yet */
  AM_ERROR_EXECUTION = 3,   /* what the kernel did while it ran */
  AM_ERROR_STOPPED = 4,     /* am_request_stop, Ctrl-C, ANYMETAL_TIMEOUT */
  AM_ERROR_ENVIRONMENT = 5, /* the machine lacks something */
  AM_ERROR_INTERNAL = 6     /* a bug of anymetal */
} am_error_kind;
AM_API am_error* am_error_new(am_error_kind kind, const char* text);
AM_API am_error_kind am_error_get_kind(const am_error* error); /* 0 for null */
/* The message and, for wrong Metal text, each place with its line and a caret. */
AM_API const char* am_error_text(const am_error* error);

/* ---- Device ---- */
AM_API am_device* am_device_new_system(void); /* the same for every call */
AM_API const char* am_device_name(const am_device* device);
AM_API const char* am_device_architecture(
    const am_device* device); /* "applegpu_g13s", or ANYMETAL_ARCHITECTURE */
AM_API uint64_t am_device_max_threads_per_threadgroup(const am_device* device);
AM_API uint64_t am_device_max_threadgroup_memory(const am_device* device);
AM_API uint64_t am_device_max_buffer_length(const am_device* device);
AM_API uint64_t am_device_recommended_working_set(const am_device* device);

/* ---- Buffers: memory that host and kernels share, at an address that never changes ---- */
/* Zeroed and page-aligned. Null: `length` is 0 or over the limit, or there is no memory. */
AM_API am_buffer* am_buffer_new(am_device* device, uint64_t length, am_error** error);
typedef void (*am_deallocator)(void* context, void* contents, uint64_t length);
/* Foreign memory, not copied. `deallocate` (may be null) runs once, after the last use. */
AM_API am_buffer* am_buffer_new_wrapping(am_device* device, void* contents, uint64_t length,
                                         am_deallocator deallocate, void* context,
                                         am_error** error);
AM_API void* am_buffer_contents(const am_buffer* buffer);
AM_API uint64_t am_buffer_length(const am_buffer* buffer);
/* Bytes that a buffer or a texture takes. */
AM_API uint64_t am_resource_allocated_size(const void* resource);

/* ---- Textures and samplers. Enumerations are Apple's numbers: MTLTextureType, MTLPixelFormat,
 * MTLTextureUsage, MTLTextureSwizzle, MTLSamplerAddressMode and so on. ---- */
typedef struct am_texture_shape {
  uint32_t type;         /* 2: two dimensions */
  uint32_t pixel_format; /* 70: rgba8unorm */
  uint32_t width, height, depth;
  uint32_t array_length;
  uint32_t levels;
  uint32_t usage;     /* bits 1 read, 2 write; 0: anything */
  uint8_t swizzle[4]; /* all 0: none */
} am_texture_shape;
typedef struct am_texture_region {
  uint32_t x, y, z, width, height, depth;
} am_texture_region;
/* Shapes and states to be completed step by step, as objects: the pointers are lent and may be
 * written through. At first 1 x 1 rgba8unorm for reading; nearest, clamped to the edge. */
AM_API am_texture_descriptor* am_texture_descriptor_new(void);
AM_API am_texture_shape* am_texture_descriptor_shape(am_texture_descriptor* descriptor);
/* Zeroed. Null: a size or format that can't be, or no memory; without `error`, the log says so. */
AM_API am_texture* am_texture_new(am_device* device, const am_texture_shape* shape,
                                  am_error** error);
/* The texels of `buffer` from `offset` on; row_bytes 0: tight. */
AM_API am_texture* am_texture_new_over_buffer(am_buffer* buffer, const am_texture_shape* shape,
                                              uint64_t offset, uint64_t row_bytes,
                                              am_error** error);
/* The same texels in other words: type, pixel_format, levels and swizzle of `shape`; array_length
 * counts slices (6 for each cube). */
AM_API am_texture* am_texture_new_view(am_texture* texture, const am_texture_shape* shape,
                                       uint32_t first_level, uint32_t first_slice,
                                       am_error** error);
AM_API void am_texture_get_shape(const am_texture* texture, am_texture_shape* shape);
/* What stands for it in an argument buffer. */
AM_API uint64_t am_texture_resource_id(const am_texture* texture);
/* Copies rows of row_bytes and images of image_bytes (0: tight). False: the region isn't inside. */
AM_API bool am_texture_replace(am_texture* texture, const am_texture_region* region, uint32_t level,
                               uint32_t slice, const void* bytes, uint64_t row_bytes,
                               uint64_t image_bytes, am_error** error);
AM_API bool am_texture_get(const am_texture* texture, const am_texture_region* region,
                           uint32_t level, uint32_t slice, void* bytes, uint64_t row_bytes,
                           uint64_t image_bytes, am_error** error);
typedef struct am_sampler_state {
  uint32_t min_filter, mag_filter; /* 0 nearest, 1 linear */
  uint32_t mip_filter;             /* 0 none, 1 nearest, 2 linear */
  uint32_t address[3];             /* s, t, r */
  uint32_t border_color;           /* 0 transparent black, 1 opaque black, 2 opaque white */
  uint32_t compare_function;
  uint32_t max_anisotropy;
  bool pixel_coordinates;
  float lod_min, lod_max;
} am_sampler_state;
AM_API am_sampler_descriptor* am_sampler_descriptor_new(void);
AM_API am_sampler_state* am_sampler_descriptor_state(am_sampler_descriptor* descriptor);
AM_API am_sampler* am_sampler_new(am_device* device, const am_sampler_state* state,
                                  am_error** error);
AM_API uint64_t am_sampler_resource_id(const am_sampler* sampler);

/* ---- Libraries: Metal text ---- */
typedef enum am_math_mode { AM_MATH_SAFE = 0, AM_MATH_RELAXED = 1, AM_MATH_FAST = 2 } am_math_mode;
AM_API am_compile_options* am_compile_options_new(void); /* math: fast, as Metal's default is */
AM_API void am_compile_options_set_math_mode(am_compile_options* options, am_math_mode mode);
AM_API am_math_mode am_compile_options_math_mode(const am_compile_options* options);
AM_API void am_compile_options_add_macro(am_compile_options* options, const char* name,
                                         const char* value);
AM_API void am_compile_options_add_include_directory(am_compile_options* options,
                                                     const char* directory);
/* Only remembered: the language is the newest whatever it says. */
AM_API void am_compile_options_set_language_version(am_compile_options* options, uint64_t version);
AM_API uint64_t am_compile_options_language_version(const am_compile_options* options);

/* `name` names the text in messages; null: "program_source". `options` may be null. */
AM_API am_library* am_library_new(am_device* device, const char* text, const char* name,
                                  const am_compile_options* options, am_error** error);
AM_API size_t am_library_function_count(const am_library* library);
AM_API const char* am_library_function_name(const am_library* library, size_t index);

/* ---- Functions: kernels by name, function constants set ---- */
AM_API am_constant_values* am_constant_values_new(void);
/* `name` null: by `index`. The bytes are copied. */
AM_API void am_constant_values_set(am_constant_values* values, const char* name, uint64_t index,
                                   const void* bytes, size_t size);
AM_API void am_constant_values_reset(am_constant_values* values);
AM_API am_function* am_function_new(am_library* library, const char* name,
                                    const am_constant_values* constants, am_error** error);
AM_API const char* am_function_name(const am_function* function);

/* A name and constants, to be completed step by step. */
AM_API am_function_descriptor* am_function_descriptor_new(void);
AM_API void am_function_descriptor_set_name(am_function_descriptor* descriptor, const char* name);
AM_API const char* am_function_descriptor_name(const am_function_descriptor* descriptor);
AM_API void am_function_descriptor_set_specialized_name(am_function_descriptor* descriptor,
                                                        const char* name);
AM_API const char* am_function_descriptor_specialized_name(
    const am_function_descriptor* descriptor);
/* Copied as they are now. */
AM_API void am_function_descriptor_set_constants(am_function_descriptor* descriptor,
                                                 const am_constant_values* values);
AM_API am_function* am_function_new_from_descriptor(am_library* library,
                                                    const am_function_descriptor* descriptor,
                                                    am_error** error);

/* ---- Pipelines: code ---- */
AM_API am_pipeline* am_pipeline_new(am_device* device, am_function* function, am_error** error);
AM_API am_pipeline_descriptor* am_pipeline_descriptor_new(void);
AM_API void am_pipeline_descriptor_set_function(am_pipeline_descriptor* descriptor,
                                                am_function* function);
AM_API am_function* am_pipeline_descriptor_function(const am_pipeline_descriptor* descriptor);
AM_API uint64_t am_pipeline_max_threads_per_threadgroup(const am_pipeline* pipeline);
AM_API uint64_t am_pipeline_thread_execution_width(const am_pipeline* pipeline);
AM_API uint64_t am_pipeline_static_threadgroup_memory(const am_pipeline* pipeline);

/* ---- Argument buffers: structs with pointers, filled by the indices of their members ---- */
/* For the struct behind [[buffer(index)]] of the function. Null: there is none, or hosts can't know
 * its layout. */
AM_API am_argument_encoder* am_argument_encoder_new(am_function* function, uint64_t index,
                                                    am_error** error);
AM_API uint64_t am_argument_encoder_length(const am_argument_encoder* encoder);
AM_API uint64_t am_argument_encoder_alignment(const am_argument_encoder* encoder);
/* Where the struct is written from now on: `am_argument_encoder_length` bytes. */
AM_API void am_argument_encoder_set_target(am_argument_encoder* encoder, am_buffer* buffer,
                                           uint64_t offset);
/* Members are counted by [[id(n)]], or without it from 0 in their order. What isn't there, or has
 * another kind, is left as it is. */
AM_API void am_argument_encoder_set_buffer(am_argument_encoder* encoder, const am_buffer* buffer,
                                           uint64_t offset, uint64_t index);
AM_API void am_argument_encoder_set_texture(am_argument_encoder* encoder, const am_texture* texture,
                                            uint64_t index);
AM_API void am_argument_encoder_set_sampler(am_argument_encoder* encoder, const am_sampler* sampler,
                                            uint64_t index);
AM_API void* am_argument_encoder_constant(am_argument_encoder* encoder, uint64_t index);

/* ---- Queues and command buffers ---- */
AM_API am_queue* am_queue_new(am_device* device);
AM_API am_command_buffer* am_command_buffer_new(am_queue* queue);
AM_API void am_command_buffer_enqueue(am_command_buffer* commands);
AM_API void am_command_buffer_commit(am_command_buffer* commands);
AM_API void am_command_buffer_wait_scheduled(am_command_buffer* commands);
/* Returns after the completed handlers. */
AM_API void am_command_buffer_wait_completed(am_command_buffer* commands);
typedef enum am_status {
  AM_STATUS_NOT_ENQUEUED = 0,
  AM_STATUS_ENQUEUED = 1,
  AM_STATUS_COMMITTED = 2,
  AM_STATUS_SCHEDULED = 3,
  AM_STATUS_COMPLETED = 4,
  AM_STATUS_ERROR = 5
} am_status;
AM_API am_status am_command_buffer_status(const am_command_buffer* commands);
AM_API am_error* am_command_buffer_copy_error(const am_command_buffer* commands); /* null: none */
typedef void (*am_command_handler)(void* context, am_command_buffer* commands);
typedef void (*am_destroy)(void* context);
/* On the queue's thread. `destroy` (may be null) frees the context, after the handler or in its
 * stead. */
AM_API void am_command_buffer_add_scheduled_handler(am_command_buffer* commands,
                                                    am_command_handler handler, void* context,
                                                    am_destroy destroy);
AM_API void am_command_buffer_add_completed_handler(am_command_buffer* commands,
                                                    am_command_handler handler, void* context,
                                                    am_destroy destroy);
AM_API void am_command_buffer_signal(am_command_buffer* commands, am_event* event, uint64_t value);
AM_API void am_command_buffer_wait(am_command_buffer* commands, am_event* event, uint64_t value);
/* In seconds of a steady clock; 0 before they are known. */
AM_API double am_command_buffer_start_time(const am_command_buffer* commands);
AM_API double am_command_buffer_end_time(const am_command_buffer* commands);

/* ---- Encoders. A wrong call becomes the command buffer's error, and nothing after it is computed.
 * ---- */
AM_API am_encoder* am_encoder_new(am_command_buffer* commands);
AM_API void am_encoder_set_pipeline(am_encoder* encoder, am_pipeline* pipeline);
AM_API void am_encoder_set_buffer(am_encoder* encoder, am_buffer* buffer, uint64_t offset,
                                  uint64_t index);
AM_API void am_encoder_set_buffer_offset(am_encoder* encoder, uint64_t offset, uint64_t index);
AM_API void am_encoder_set_bytes(am_encoder* encoder, const void* bytes, size_t length,
                                 uint64_t index);
AM_API void am_encoder_set_texture(am_encoder* encoder, am_texture* texture, uint64_t index);
AM_API void am_encoder_set_sampler(am_encoder* encoder, am_sampler* sampler, uint64_t index);
AM_API void am_encoder_set_threadgroup_memory(am_encoder* encoder, uint64_t length, uint64_t index);
/* `threads` of the whole grid; need not be a multiple of the threadgroup. */
AM_API void am_encoder_dispatch_threads(am_encoder* encoder, am_size threads, am_size threadgroup);
AM_API void am_encoder_dispatch_threadgroups(am_encoder* encoder, am_size threadgroups,
                                             am_size threadgroup);
/* The numbers of threadgroups are three uint32_t at `offset` in `groups`, read when the dispatch is
 * about to run. */
AM_API void am_encoder_dispatch_threadgroups_indirect(am_encoder* encoder, am_buffer* groups,
                                                      uint64_t offset, am_size threadgroup);
/* Kernels of this encoder may touch `buffer` through pointers in other buffers. */
AM_API void am_encoder_use_resource(am_encoder* encoder, void* resource);
AM_API void am_encoder_memory_barrier(am_encoder* encoder);
AM_API void am_encoder_update_fence(am_encoder* encoder, am_fence* fence);
AM_API void am_encoder_wait_for_fence(am_encoder* encoder, am_fence* fence);
AM_API void am_encoder_end(am_encoder* encoder);

/* ---- Events and fences ---- */
AM_API am_event* am_event_new(am_device* device); /* a counter, 0 at first, that only grows */
AM_API uint64_t am_event_value(const am_event* event);
AM_API void am_event_signal(am_event* event, uint64_t value);
/* Whether `value` was reached in time; UINT64_MAX waits for ever. */
AM_API bool am_event_wait(am_event* event, uint64_t value, uint64_t milliseconds);
typedef void (*am_event_handler)(void* context, am_event* event, uint64_t value);
AM_API void am_event_notify(am_event* event, uint64_t value, am_event_handler handler,
                            void* context, am_destroy destroy);
AM_API am_fence* am_fence_new(am_device* device);

/* ---- The process ---- */
/* Stops every dispatch that runs now. Async-signal-safe. */
AM_API void am_request_stop(void);
/* From now on Ctrl-C does so, and then what it did before. */
AM_API void am_install_interrupt_handler(void);
/* Writes each launch to the folder `path`, which must be new or empty. */
AM_API bool am_capture_start(const char* path, am_error** error);
AM_API bool am_capture_stop(am_error** error);
AM_API bool am_capture_is_running(void);
AM_API const char* am_version(void);

#ifdef __cplusplus
}
#endif
#endif
