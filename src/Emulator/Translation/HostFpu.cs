// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Fpu;

namespace LguestPlug.Emulator.Translation;

/// <summary>Where the guest's x87 and SSE state is.</summary>
internal enum FpuHome : uint
{
    /// <summary>In the CPU state, in the interpreter's form.</summary>
    State = 0,

    /// <summary>In the host's registers. Only while generated code runs.</summary>
    Host = 1,

    /// <summary>In the image that FXSAVE made.</summary>
    Image = 2,

    /// <summary>There too, for the length of a call from generated code.</summary>
    ImageForCall = 3,
}

/// <summary>
/// The guest's x87, MMX and SSE state in FXSAVE's image (Intel SDM vol. 1, 10.5.1), from where generated code takes it into the
/// host's own registers.
/// </summary>
internal sealed unsafe class HostFpu
{
    /// <summary>Bytes of the image.</summary>
    public const int ImageBytes = 512;

    /// <summary>Offset from the CPU state of what FLDCW and LDMXCSR load, once it was checked.</summary>
    public const int LoadedModes = TranslatorMemory.FpuImageOffset + ImageBytes + 8;

    // What the host itself computes with lies behind the image.
    private const int HostControlOffset = ImageBytes, HostMxcsrOffset = ImageBytes + 4;
    private const int ControlOffset = 0, StatusOffset = 2, TagOffset = 4, MxcsrOffset = 24, RegistersOffset = 32, XmmOffset = 160;
    private const ushort AllMasked = 0x3F, DefaultControl = 0x37F;

    /// <summary>MXCSR with all exceptions masked, as it is after a reset.</summary>
    public const uint AllSimdMasked = 0x1F80;

    /// <summary>Bits of MXCSR that may be anything: the exceptions' flags, rounding, and what is done with denormals.</summary>
    public const uint HarmlessMxcsr = 0xE07F;


    private readonly CpuState* _state;
    private readonly TranslatorState* _local;
    private readonly byte* _image;

    public HostFpu(TranslatorMemory tables)
    {
        _state = tables.Cpu;
        _local = tables.State;
        _image = (byte*)tables.Cpu + TranslatorMemory.FpuImageOffset;
        *(ushort*)(_image + HostControlOffset) = DefaultControl;
        *(uint*)(_image + HostMxcsrOffset) = AllSimdMasked;
    }

    /// <summary>The control word in an image.</summary>
    public static ref ushort Control(byte* image) => ref *(ushort*)(image + ControlOffset);

    /// <summary>The status word in an image.</summary>
    public static ref ushort Status(byte* image) => ref *(ushort*)(image + StatusOffset);

    /// <summary>MXCSR in an image.</summary>
    public static ref uint Mxcsr(byte* image) => ref *(uint*)(image + MxcsrOffset);

    /// <summary>
    /// An exception is unmasked: the host's registers would raise it in the host, so that the interpreter's FPU takes over.
    /// </summary>
    public static bool NeedsInterpreter(CpuState* s) =>
        (s->Fpu.Control & AllMasked) != AllMasked || (s->Mxcsr & AllSimdMasked) != AllSimdMasked;

    /// <summary>
    /// Emits what takes the guest's rounding and its x87 stack out of the host's way once FXSAVE has saved them: the runtime computes with
    /// the same registers.
    /// </summary>
    /// <param name="emitter">Where to.</param>
    /// <param name="imageRegister">Register and displacement that reach the image.</param>
    /// <param name="imageDisplacement">See above.</param>
    public static void EmitHostModes(Emitter emitter, int imageRegister, int imageDisplacement)
    {
        emitter.Byte(0x0F); // emms
        emitter.Byte(0x77);
        emitter.Memory(0xD9, 5, imageRegister, imageDisplacement + HostControlOffset); // fldcw
        emitter.Memory(0x0FAE, 2, imageRegister, imageDisplacement + HostMxcsrOffset); // ldmxcsr
    }

    /// <summary>Brings the state into the interpreter's form.</summary>
    public void ToState()
    {
        if (_local->FpuHome == FpuHome.State)
        {
            return;
        }

        _local->FpuHome = FpuHome.State;
        ref FpuState fpu = ref _state->Fpu;
        fpu.Control = *(ushort*)(_image + ControlOffset);
        fpu.Status = *(ushort*)(_image + StatusOffset);
        fpu.Tag = _image[TagOffset];
        fpu.LastIp = _local->FpuInstruction;
        fpu.LastDp = _local->FpuOperand;
        fpu.LastOpcode = (ushort)_local->FpuOpcode;
        fpu.LastCs = (ushort)(fpu.LastIp == 0 ? 0 : _state->Cs.Selector);
        fpu.LastDs = (ushort)(fpu.LastDp == 0 ? 0 : _state->Ds.Selector);
        int top = (fpu.Status >> 11) & 7;
        for (int i = 0; i < 8; i++)
        {
            byte* from = _image + RegistersOffset + (i * 16);
            fpu.Registers[(top + i) & 7] = new Float80(*(ushort*)(from + 8), *(ulong*)from);
        }

        for (int i = 0; i < 16; i++)
        {
            _state->Xmm[i] = *(ulong*)(_image + XmmOffset + (i * 8));
        }

        _state->Mxcsr = *(uint*)(_image + MxcsrOffset);
    }

    /// <summary>Brings the state into the image.</summary>
    public void ToImage()
    {
        if (_local->FpuHome != FpuHome.State)
        {
            return;
        }

        _local->FpuHome = FpuHome.Image;
        ref FpuState fpu = ref _state->Fpu;
        new Span<byte>(_image, RegistersOffset).Clear();
        *(ushort*)(_image + ControlOffset) = fpu.Control;
        *(ushort*)(_image + StatusOffset) = fpu.Status;
        _image[TagOffset] = fpu.Tag;
        *(uint*)(_image + MxcsrOffset) = _state->Mxcsr;
        _local->FpuInstruction = fpu.LastIp;
        _local->FpuOperand = fpu.LastDp;
        _local->FpuOpcode = fpu.LastOpcode;
        int top = (fpu.Status >> 11) & 7;
        for (int i = 0; i < 8; i++)
        {
            byte* to = _image + RegistersOffset + (i * 16);
            Float80 value = fpu.Registers[(top + i) & 7];
            *(ulong*)to = value.Significand;
            *(ulong*)(to + 8) = value.SignExponent;
        }

        for (int i = 0; i < 16; i++)
        {
            *(ulong*)(_image + XmmOffset + (i * 8)) = _state->Xmm[i];
        }
    }
}
