/* Read before every C file that mypyc writes (build_hook.py): what only an error path calls is cold.
 *
 * The compiler then lays these paths out apart from the others. A third of the compiled code is such
 * paths, and the instruction cache is what an exchange waits for most (docs/decisions/0006).
 * The declarations are those of mypyc's CPy.h, repeated; another version of it that changes one of
 * them does not compile against this file. */
#if defined(__GNUC__)
struct _object;
__attribute__((cold)) void CPy_AddTraceback(
    const char *filename, const char *funcname, int line, struct _object *globals);
__attribute__((cold)) void CPy_TypeErrorTraceback(
    const char *filename, const char *funcname, int line, struct _object *globals,
    const char *expected, struct _object *value);
__attribute__((cold)) void CPy_AttributeError(
    const char *filename, const char *funcname, const char *classname, const char *attrname,
    int line, struct _object *globals);
__attribute__((cold)) void CPy_TypeError(const char *expected, struct _object *value);
__attribute__((cold)) void CPyError_OutOfMemory(void);
__attribute__((cold)) void CPyErr_SetObjectAndTraceback(
    struct _object *type, struct _object *value, struct _object *traceback);
#endif
