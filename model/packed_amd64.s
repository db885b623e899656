#include "textflag.h"

// The routine of packed.go that goes through a matrix row by row, for a sparse x: R8 is the row's number, R9 its numbers in
// bytes, and DI goes along it. See vector_amd64.s.

// func packedAddAVX2(m, x *float64, n int, c float64)
TEXT ·packedAddAVX2(SB), NOSPLIT, $0-32
	MOVQ   m+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   n+16(FP), CX
	VMOVSD c+24(FP), X15
	VXORPD X14, X14, X14
	XORQ   R8, R8

row:
	CMPQ         R8, CX
	JGE          done
	MOVQ         R8, R9
	SHRQ         $2, R9
	INCQ         R9
	SHLQ         $5, R9
	VMOVSD       (SI)(R8*8), X0
	VUCOMISD     X14, X0
	JNE          work
	JPS          work
	ADDQ         R9, DI
	INCQ         R8
	JMP          row

work:
	VMULSD       X15, X0, X0
	VBROADCASTSD X0, Y0
	MOVQ         SI, R10

blocks2:
	CMPQ    R9, $64
	JLT     blocks1
	VMULPD  (R10), Y0, Y1
	VMULPD  32(R10), Y0, Y2
	VADDPD  (DI), Y1, Y1
	VADDPD  32(DI), Y2, Y2
	VMOVUPD Y1, (DI)
	VMOVUPD Y2, 32(DI)
	ADDQ    $64, R10
	ADDQ    $64, DI
	SUBQ    $64, R9
	JMP     blocks2

blocks1:
	TESTQ   R9, R9
	JEQ     next
	VMULPD  (R10), Y0, Y1
	VADDPD  (DI), Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ    $32, DI

next:
	INCQ R8
	JMP  row

done:
	VZEROUPPER
	RET
