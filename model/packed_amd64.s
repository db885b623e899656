#include "textflag.h"

// The routines of packed.go on rows of whole blocks of four numbers: see vector_amd64.s. Every routine goes through the
// rows with R8 the row's number, R9 the numbers left of its diagonal block in bytes, and DI at the row's beginning.

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

// func packedScaleAddAVX2(m, x *float64, n int, s, c float64)
TEXT ·packedScaleAddAVX2(SB), NOSPLIT, $0-40
	MOVQ         m+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSD s+24(FP), Y13
	VMOVSD       c+32(FP), X15
	XORQ         R8, R8

row:
	CMPQ         R8, CX
	JGE          done
	MOVQ         R8, R9
	SHRQ         $2, R9
	INCQ         R9
	SHLQ         $5, R9
	VMULSD       (SI)(R8*8), X15, X0
	VBROADCASTSD X0, Y0
	MOVQ         SI, R10

blocks:
	VMULPD  (DI), Y13, Y1
	VMULPD  (R10), Y0, Y2
	VADDPD  Y2, Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ    $32, R10
	ADDQ    $32, DI
	SUBQ    $32, R9
	JNE     blocks
	INCQ    R8
	JMP     row

done:
	VZEROUPPER
	RET

// func packedProductAVX2(dst, m, x *float64, n int)
TEXT ·packedProductAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DX
	MOVQ m+8(FP), DI
	MOVQ x+16(FP), SI
	MOVQ n+24(FP), CX
	XORQ R8, R8

row:
	CMPQ         R8, CX
	JGE          done
	MOVQ         R8, R9
	SHRQ         $2, R9
	SHLQ         $5, R9
	VBROADCASTSD (SI)(R8*8), Y12
	MOVQ         SI, R10
	MOVQ         DX, R11
	VXORPD       Y0, Y0, Y0
	VXORPD       Y1, Y1, Y1
	VXORPD       Y2, Y2, Y2
	VXORPD       Y3, Y3, Y3

sixteen:
	CMPQ    R9, $128
	JLT     four
	VMOVUPD (DI), Y4
	VMOVUPD 32(DI), Y5
	VMOVUPD 64(DI), Y6
	VMOVUPD 96(DI), Y7
	VMULPD  (R10), Y4, Y8
	VMULPD  32(R10), Y5, Y9
	VMULPD  64(R10), Y6, Y10
	VMULPD  96(R10), Y7, Y11
	VADDPD  Y8, Y0, Y0
	VADDPD  Y9, Y1, Y1
	VADDPD  Y10, Y2, Y2
	VADDPD  Y11, Y3, Y3
	VMULPD  Y12, Y4, Y4
	VMULPD  Y12, Y5, Y5
	VMULPD  Y12, Y6, Y6
	VMULPD  Y12, Y7, Y7
	VADDPD  (R11), Y4, Y4
	VADDPD  32(R11), Y5, Y5
	VADDPD  64(R11), Y6, Y6
	VADDPD  96(R11), Y7, Y7
	VMOVUPD Y4, (R11)
	VMOVUPD Y5, 32(R11)
	VMOVUPD Y6, 64(R11)
	VMOVUPD Y7, 96(R11)
	ADDQ    $128, DI
	ADDQ    $128, R10
	ADDQ    $128, R11
	SUBQ    $128, R9
	JMP     sixteen

four:
	TESTQ   R9, R9
	JEQ     diagonal
	VMOVUPD (DI), Y4
	VMULPD  (R10), Y4, Y8
	VADDPD  Y8, Y0, Y0
	VMULPD  Y12, Y4, Y4
	VADDPD  (R11), Y4, Y4
	VMOVUPD Y4, (R11)
	ADDQ    $32, DI
	ADDQ    $32, R10
	ADDQ    $32, R11
	SUBQ    $32, R9
	JMP     four

diagonal:
	VMOVUPD      (DI), Y4
	VMULPD       (R10), Y4, Y8
	VADDPD       Y8, Y0, Y0
	ADDQ         $32, DI
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VHADDPD      X0, X0, X0
	VHADDPD      X1, X1, X1
	VADDSD       X1, X0, X0
	VMOVSD       X0, (DX)(R8*8)
	INCQ         R8
	JMP          row

done:
	VZEROUPPER
	RET

// func packedQuadraticAVX2(m, x *float64, n int) float64
TEXT ·packedQuadraticAVX2(SB), NOSPLIT, $0-32
	MOVQ   m+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   n+16(FP), CX
	VXORPD X14, X14, X14
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	XORQ   R8, R8

row:
	CMPQ     R8, CX
	JGE      done
	MOVQ     R8, R9
	SHRQ     $2, R9
	SHLQ     $5, R9
	VMOVSD   (SI)(R8*8), X13
	VUCOMISD X14, X13
	JNE      work
	JPS      work
	LEAQ     32(DI)(R9*1), DI
	INCQ     R8
	JMP      row

work:
	VADDSD       X13, X13, X12
	VBROADCASTSD X13, Y13
	VBROADCASTSD X12, Y12
	MOVQ         SI, R10

sixteen:
	CMPQ    R9, $128
	JLT     four
	VMOVUPD (DI), Y4
	VMOVUPD 32(DI), Y5
	VMOVUPD 64(DI), Y6
	VMOVUPD 96(DI), Y7
	VMULPD  (R10), Y4, Y4
	VMULPD  32(R10), Y5, Y5
	VMULPD  64(R10), Y6, Y6
	VMULPD  96(R10), Y7, Y7
	VMULPD  Y12, Y4, Y4
	VMULPD  Y12, Y5, Y5
	VMULPD  Y12, Y6, Y6
	VMULPD  Y12, Y7, Y7
	VADDPD  Y4, Y0, Y0
	VADDPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y2
	VADDPD  Y7, Y3, Y3
	ADDQ    $128, DI
	ADDQ    $128, R10
	SUBQ    $128, R9
	JMP     sixteen

four:
	TESTQ   R9, R9
	JEQ     diagonal
	VMOVUPD (DI), Y4
	VMULPD  (R10), Y4, Y4
	VMULPD  Y12, Y4, Y4
	VADDPD  Y4, Y0, Y0
	ADDQ    $32, DI
	ADDQ    $32, R10
	SUBQ    $32, R9
	JMP     four

diagonal:
	VMOVUPD (DI), Y4
	VMULPD  (R10), Y4, Y4
	VMULPD  Y13, Y4, Y4
	VADDPD  Y4, Y0, Y0
	ADDQ    $32, DI
	INCQ    R8
	JMP     row

done:
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VHADDPD      X0, X0, X0
	VHADDPD      X1, X1, X1
	VADDSD       X1, X0, X0
	VZEROUPPER
	MOVSD        X0, ret+24(FP)
	RET
