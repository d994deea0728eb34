//! A stand-in for `cubecl-llvm`, whose build script downloads an LLVM bundle that closed networks cannot reach.
//!
//! `cubecl-cuda` can compile kernels in two ways: by LLVM, or as CUDA C++ by NVRTC (its feature `cpp`). It names the LLVM
//! types either way. This crate has those names and nothing behind them: with `cpp` switched on no function here is
//! called but [`nvptx::ptx_version::PtxVersion::for_driver`], and asking for LLVM is an error that says what to do.

use cubecl_core::prelude::KernelDefinition;
use cubecl_core::{Compiler, ir::nvidia::SmArch};
use cubecl_environment::backtrace::BackTrace;
use cubecl_runtime::compiler::CompilationError;
use cubecl_runtime::kernel::BufferIOAttr;

/// NVIDIA's intermediate language.
pub mod nvptx {
    /// Its versions.
    pub mod ptx_version {
        /// The version of a driver's PTX; part of the name of a cache folder.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct PtxVersion(i32);

        impl PtxVersion {
            /// For a driver that supports this version of CUDA, such as 13000 for 13.0.
            pub fn for_driver(driver: i32) -> Option<Self> {
                Some(Self(driver))
            }
        }

        impl core::fmt::Display for PtxVersion {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "cuda{}", self.0)
            }
        }
    }
}

/// Parts of the LLVM way that GPUs share.
pub mod shared {
    /// Abilities of a GPU.
    pub mod lowered_features {
        use cubecl_core::ir::DeviceProperties;

        /// Whose GPU.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GpuTarget {
            /// NVIDIA's.
            Nvptx,
        }

        /// Takes away what LLVM cannot compile. Nothing is compiled by LLVM here.
        pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
    }
}

/// Targets of LLVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LlvmTarget {
    /// NVIDIA GPUs.
    #[default]
    Nvptx,
}

/// The compiler that is not here.
#[derive(Clone, Debug, Default)]
pub struct PlironCompiler {
    /// Targets.
    pub target: LlvmTarget,
}

/// Options of a compilation.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// Unused.
    pub arch: Option<()>,
    /// The GPU's architecture.
    pub sm_arch: Option<SmArch>,
    /// The driver's PTX.
    pub ptx_version: Option<nvptx::ptx_version::PtxVersion>,
    /// Passing of parameters.
    pub grid_constants: bool,
    /// Keeps `..Default::default()` in the caller meaningful.
    pub extra: (),
}

/// Result of a compilation.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// The PTX text, ending in 0.
    pub ptx: Vec<core::ffi::c_char>,
    /// The kernel's name.
    pub entrypoint: String,
    /// LLVM's text.
    pub ir: String,
    /// Bytes of shared memory.
    pub shared_memory_size: usize,
    /// Use of each buffer.
    pub io: Vec<BufferIOAttr>,
}

/// Output of a compilation.
#[derive(Clone, Debug)]
pub enum PlironArtifact {
    /// For NVIDIA GPUs.
    NvptxCode(NvptxModule),
    /// Keeps the caller's `_` arm reachable.
    Other,
}

impl core::fmt::Display for PlironArtifact {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("built without LLVM")
    }
}

impl Compiler for PlironCompiler {
    type Representation = PlironArtifact;
    type CompilationOptions = PlironOptions;

    fn buffer_io(_artifact: &Self::Representation) -> Option<Vec<BufferIOAttr>> {
        None
    }

    fn compile(
        &mut self,
        _kernel: KernelDefinition,
        _options: &Self::CompilationOptions,
    ) -> Result<Self::Representation, CompilationError> {
        Err(CompilationError::Generic {
            reason: "this build has a stand-in for cubecl-llvm: switch the feature `cpp` of cubecl-cuda on".into(),
            backtrace: BackTrace::capture(),
        })
    }

    fn extension(&self) -> &'static str {
        "ll"
    }

    fn lang_tag(&self) -> &'static str {
        "llvm"
    }
}
